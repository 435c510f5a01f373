"""Use cases of second factors: TOTP, recovery codes and passkeys beside a password."""

import hmac

import pyotp
import segno

from echo_auth.dependencies import Dependencies
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.second_factors import MatchStep, create_recovery_codes
from echo_auth.domain.users import User
from echo_auth.throttle import Attempt
from echo_auth.usecases.passkeys import use_passkey
from echo_auth.usecases.reauthentication import confirm_password, require_recent_login
from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.second_factors import TotpRequiredError, TwoFactorDisabledConflictError
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.passkeys import Credential
from echo_common.contracts.http.second_factors import RecoveryCodes, SecondFactor, SecondFactorProof, TotpSetup
from echo_common.errors import ForbiddenError

_ISSUER = "Echo"
_TOLERATED_STEPS = (-1, 0, 1)
"""Time steps of 30 s by which the clock of a user's device may differ (RFC 6238, section 6)."""


async def set_up(principal: Principal, deps: Dependencies) -> TotpSetup:
    """Create a TOTP secret, which `enable` confirms.

    Raises `ReauthenticationRequiredError`, `ForbiddenError` for accounts without a password, `TwoFactorEnabledConflictError`.
    """
    await require_recent_login(principal, deps)
    secret = pyotp.random_base32()
    encrypted = deps.totp_encryption.encrypt(secret.encode())

    def offer(user: User) -> None:
        if user.password_hash is None:
            raise ForbiddenError("Two-factor authentication needs an account with a password.")
        user.offer_totp(encrypted)

    user = await deps.users.update(principal.user_id, offer)
    uri = pyotp.TOTP(secret, name=user.email or user.username or user.id, issuer=_ISSUER).provisioning_uri()
    return TotpSetup(secret=secret, otpauth_uri=uri, qr_code=segno.make(uri, error="m").svg_data_uri(scale=4))


async def enable(factor: SecondFactor, principal: Principal, origin: RequestOrigin, deps: Dependencies) -> RecoveryCodes:
    """Require a second factor at logins, and return the recovery codes.

    A code confirms the TOTP setup; a passkey shows that it works. Raises `ReauthenticationRequiredError`,
    `InvalidTotpCodeError`, `InvalidPasskeyError`, `TooManyAttemptsError`, `TwoFactorEnabledConflictError`,
    `TwoFactorDisabledConflictError` without a setup.
    """
    await require_recent_login(principal, deps)
    codes = create_recovery_codes()
    await deps.throttle.count_attempt(Attempt.SECOND_FACTOR, principal.user_id, origin.address)
    if factor.passkey is not None:
        await use_passkey(factor.passkey, deps, verify_user=False, user_id=principal.user_id)

    def change(user: User) -> None:
        if factor.code is None:
            user.enable_with_passkey(codes)
        else:
            user.enable_totp(_create_matcher(factor.code, deps), codes)

    change(await deps.users.get(principal.user_id))
    await _record(AuditAction.TWO_FACTOR_ENABLED, principal, origin, deps)
    await deps.users.update(principal.user_id, change)
    await deps.throttle.reset(Attempt.SECOND_FACTOR, principal.user_id, origin.address)
    return RecoveryCodes(recovery_codes=codes)


async def disable(proof: SecondFactorProof, principal: Principal, origin: RequestOrigin, deps: Dependencies) -> None:
    """Disable two-factor authentication; passkeys remain.

    Raises `WrongPasswordError`, `InvalidTotpCodeError`, `InvalidPasskeyError`, `TooManyAttemptsError`,
    `TwoFactorDisabledConflictError`.
    """
    await _confirm(proof, principal, origin, deps)
    await _record(AuditAction.TWO_FACTOR_DISABLED, principal, origin, deps)
    await deps.users.update(principal.user_id, User.disable_two_factor)


async def replace_recovery_codes(
    proof: SecondFactorProof, principal: Principal, origin: RequestOrigin, deps: Dependencies
) -> RecoveryCodes:
    """Replace the recovery codes and return the new ones. Raises as `disable`."""
    await _confirm(proof, principal, origin, deps)
    codes = create_recovery_codes()
    await _record(AuditAction.RECOVERY_CODES_REPLACED, principal, origin, deps)
    await deps.users.update(principal.user_id, lambda user: user.replace_recovery_codes(codes))
    return RecoveryCodes(recovery_codes=codes)


async def check_second_factor(
    user: User, code: str | None, passkey: Credential | None, origin: RequestOrigin, deps: Dependencies
) -> None:
    """Check the second factor of a user whose password is right.

    Raises `TotpRequiredError` without a factor, `InvalidTotpCodeError`, `InvalidPasskeyError`, `TooManyAttemptsError`.
    """
    if not user.two_factor_enabled:
        return
    if code is None and passkey is None:
        raise TotpRequiredError
    await _use(code, passkey, user.id, origin, deps)


async def _confirm(proof: SecondFactorProof, principal: Principal, origin: RequestOrigin, deps: Dependencies) -> None:
    user = await deps.users.get(principal.user_id)
    await confirm_password(user, proof.password.get_secret_value(), origin, deps)
    if not user.two_factor_enabled:
        raise TwoFactorDisabledConflictError
    await _use(proof.code, proof.passkey, user.id, origin, deps)


async def _use(code: str | None, passkey: Credential | None, user_id: str, origin: RequestOrigin, deps: Dependencies) -> None:
    """Use a code or a passkey. Writes are conditional, so that of two concurrent uses only one succeeds."""
    await deps.throttle.count_attempt(Attempt.SECOND_FACTOR, user_id, origin.address)
    if passkey is not None:
        await use_passkey(passkey, deps, verify_user=False, user_id=user_id)
    elif code is not None:
        await deps.users.update(user_id, lambda user: user.use_code(code, _create_matcher(code, deps)))
    await deps.throttle.reset(Attempt.SECOND_FACTOR, user_id, origin.address)


async def _record(action: AuditAction, principal: Principal, origin: RequestOrigin, deps: Dependencies) -> None:
    await deps.audit.record(action, actor=principal.user_id, target=principal.user_id, address=origin.address)


def _create_matcher(code: str, deps: Dependencies) -> MatchStep:
    digits = "".join(code.split())

    def match(encrypted: bytes) -> int | None:
        totp = pyotp.TOTP(deps.totp_encryption.decrypt(encrypted).decode())
        current = totp.timecode(now())
        matching = [
            current + offset
            for offset in _TOLERATED_STEPS
            if hmac.compare_digest(totp.generate_otp(current + offset).encode(), digits.encode())
        ]
        return max(matching, default=None)

    return match
