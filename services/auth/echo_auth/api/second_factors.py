"""Endpoints for two-factor authentication."""

from fastapi import Depends

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.usecases import second_factors
from echo_common.auth.dependencies import AccountHolder
from echo_common.contracts.errors.auth import TooManyAttemptsError, UserNotFoundError, WrongPasswordError
from echo_common.contracts.errors.passkeys import InvalidPasskeyError
from echo_common.contracts.errors.second_factors import (
    InvalidTotpCodeError,
    ReauthenticationRequiredError,
    TwoFactorDisabledConflictError,
    TwoFactorEnabledConflictError,
)
from echo_common.contracts.http.second_factors import RecoveryCodes, SecondFactor, SecondFactorProof, TotpSetup
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok

router = PublicRouter("authentication", dependencies=[Depends(forbid_storing)])

_PROOF_ERRORS = (
    InvalidPasskeyError,
    InvalidTotpCodeError,
    TooManyAttemptsError,
    TwoFactorDisabledConflictError,
    UserNotFoundError,
    WrongPasswordError,
)


@router.endpoint(
    "POST",
    "/auth/2fa/setup",
    errors=(ReauthenticationRequiredError, TwoFactorEnabledConflictError, UserNotFoundError),
    example=enveloped(examples.TOTP_SETUP),
)
async def create_totp_secret(principal: AccountHolder, deps: Deps) -> Success[TotpSetup]:
    """Create a TOTP secret.

    `POST /auth/2fa/enable` with a code from the authenticator app then enables two-factor authentication. The session must have
    started within the last 30 minutes.
    """
    return ok(await second_factors.set_up(principal, deps))


@router.endpoint(
    "POST",
    "/auth/2fa/enable",
    credentials=True,
    errors=(
        InvalidPasskeyError,
        InvalidTotpCodeError,
        ReauthenticationRequiredError,
        TooManyAttemptsError,
        TwoFactorDisabledConflictError,
        TwoFactorEnabledConflictError,
        UserNotFoundError,
    ),
    example=enveloped(examples.RECOVERY_CODES),
)
async def enable_two_factor(body: SecondFactor, principal: AccountHolder, origin: Origin, deps: Deps) -> Success[RecoveryCodes]:
    """Enable two-factor authentication.

    Logins then need `totp_code`, or `passkey` if the user has one. The recovery codes are shown only in this response; each replaces a code once.
    """
    return ok(await second_factors.enable(body, principal, origin, deps))


@router.endpoint(
    "POST",
    "/auth/2fa/disable",
    credentials=True,
    errors=_PROOF_ERRORS,
    example=enveloped(None, message="Two-factor authentication disabled."),
)
async def disable_two_factor(body: SecondFactorProof, principal: AccountHolder, origin: Origin, deps: Deps) -> Success[None]:
    """Disable two-factor authentication."""
    await second_factors.disable(body, principal, origin, deps)
    return ok(None, message="Two-factor authentication disabled.")


@router.endpoint(
    "POST",
    "/auth/2fa/recovery-codes",
    credentials=True,
    errors=_PROOF_ERRORS,
    example=enveloped(examples.RECOVERY_CODES),
)
async def replace_recovery_codes(
    body: SecondFactorProof, principal: AccountHolder, origin: Origin, deps: Deps
) -> Success[RecoveryCodes]:
    """Replace the recovery codes."""
    return ok(await second_factors.replace_recovery_codes(body, principal, origin, deps))
