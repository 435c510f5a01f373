"""Use cases of passkeys: registration, list, and use at a login."""

from collections.abc import Sequence

from echo_auth.dependencies import Dependencies
from echo_auth.domain.passkeys import MAXIMUM_PASSKEYS, Passkey
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.passkeys import read_challenge
from echo_auth.usecases.reauthentication import require_recent_login
from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.passkeys import (
    InvalidPasskeyError,
    LastSecondFactorConflictError,
    PasskeyConflictError,
    PasskeyLimitConflictError,
    PasskeyNotFoundError,
)
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.passkeys import Credential, PasskeyOptions, RegisterPasskeyRequest
from echo_common.errors import ForbiddenError
from echo_common.ids import new_id
from echo_common.store.port import DuplicateError

_REGISTRATION = "passkey registration"
_LOGIN = "passkey login"


async def create_registration_options(principal: Principal, deps: Dependencies) -> PasskeyOptions:
    """Start the registration of a passkey.

    Raises `ReauthenticationRequiredError`, `ForbiddenError` for guests, `PasskeyLimitConflictError`.
    """
    await require_recent_login(principal, deps)
    user = await deps.users.get(principal.user_id)
    if user.email is None:
        raise ForbiddenError("A passkey needs an account with an email address.")
    existing = await list_passkeys(user.id, deps)
    if len(existing) >= MAXIMUM_PASSKEYS:
        raise PasskeyLimitConflictError
    challenge = await deps.challenges.issue(_REGISTRATION, {"user_id": user.id})
    return PasskeyOptions(public_key=deps.relying_party.build_registration_options(user, existing, challenge))


async def register(request: RegisterPasskeyRequest, principal: Principal, origin: RequestOrigin, deps: Dependencies) -> Passkey:
    """Register a passkey.

    Raises `ReauthenticationRequiredError`, `InvalidPasskeyError`, `PasskeyConflictError`, `PasskeyLimitConflictError`.
    """
    await require_recent_login(principal, deps)
    challenge = read_challenge(request.credential)
    issued = await deps.challenges.take(_REGISTRATION, challenge)
    if issued is None or issued["user_id"] != principal.user_id:
        raise InvalidPasskeyError
    registered = deps.relying_party.verify_registration(request.credential, challenge)
    passkey = Passkey(
        id=new_id("pky"),
        user_id=principal.user_id,
        credential_id=registered.credential_id,
        public_key=registered.public_key,
        sign_count=registered.sign_count,
        name=request.name,
        backed_up=registered.backed_up,
    )
    await deps.audit.record(
        AuditAction.PASSKEY_REGISTERED, actor=principal.user_id, target=principal.user_id, address=origin.address
    )
    try:
        await deps.passkeys.add(passkey)
    except DuplicateError as error:
        raise PasskeyConflictError from error
    if len(await list_passkeys(principal.user_id, deps)) > MAXIMUM_PASSKEYS:  # parallel requests
        await deps.passkeys.update(passkey.id, Passkey.erase, user_id=principal.user_id)
        raise PasskeyLimitConflictError
    return passkey


async def list_passkeys(user_id: str, deps: Dependencies) -> Sequence[Passkey]:
    """List the passkeys of a user, the newest first."""
    return [passkey async for passkey in deps.passkeys.find({"user_id": user_id}, sort=[("created_at", -1)])]


async def rename(passkey_id: str, name: str, principal: Principal, deps: Dependencies) -> Passkey:
    """Rename a passkey of the user. Raises `PasskeyNotFoundError`."""

    def change(passkey: Passkey) -> None:
        passkey.name = name

    return await deps.passkeys.update(passkey_id, change, user_id=principal.user_id)


async def delete(passkey_id: str, principal: Principal, origin: RequestOrigin, deps: Dependencies) -> None:
    """Delete a passkey of the user.

    Raises `ReauthenticationRequiredError`, `PasskeyNotFoundError`, `LastSecondFactorConflictError`.
    """
    await require_recent_login(principal, deps)
    passkeys = await list_passkeys(principal.user_id, deps)
    user = await deps.users.get(principal.user_id)
    if user.two_factor_enabled and user.totp_secret is None and [passkey.id for passkey in passkeys] == [passkey_id]:
        raise LastSecondFactorConflictError
    if passkey_id not in {passkey.id for passkey in passkeys}:
        raise PasskeyNotFoundError
    await deps.audit.record(
        AuditAction.PASSKEY_DELETED, actor=principal.user_id, target=principal.user_id, address=origin.address
    )
    await deps.passkeys.update(passkey_id, Passkey.erase, user_id=principal.user_id)


async def create_login_options(deps: Dependencies, *, second_factor: bool) -> PasskeyOptions:
    """Start a login with a passkey: without a password, or as the second factor beside it."""
    challenge = await deps.challenges.issue(_LOGIN)
    return PasskeyOptions(public_key=deps.relying_party.build_login_options(challenge, verify_user=not second_factor))


async def use_passkey(credential: Credential, deps: Dependencies, *, verify_user: bool, **owner: str) -> Passkey:
    """Verify a passkey's signature, of the user `user_id` if it is given, and return the passkey.

    The challenge and the signature's counter are accepted once. Raises `InvalidPasskeyError`.
    """
    challenge = read_challenge(credential)
    if await deps.challenges.take(_LOGIN, challenge) is None:
        raise InvalidPasskeyError

    def use(passkey: Passkey) -> None:
        passkey.use(deps.relying_party.verify_login(credential, passkey, challenge, verify_user=verify_user), now())

    found = await deps.passkeys.find_one({"credential_id": credential.id.rstrip("="), **owner})
    if found is None:
        raise InvalidPasskeyError
    try:
        return await deps.passkeys.amend(found, use, **owner)
    except PasskeyNotFoundError as error:  # deleted meanwhile
        raise InvalidPasskeyError from error
