"""Endpoints for passkeys."""

from typing import Annotated

from fastapi import Depends, Path, Query

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.api.refresh_cookie import TokenCookie
from echo_auth.domain.passkeys import Passkey
from echo_auth.usecases import passkey_login, passkeys
from echo_common.auth.dependencies import AccountHolder
from echo_common.contracts.errors.auth import AccountInactiveError, CrossSiteRequestError, UserNotFoundError
from echo_common.contracts.errors.passkeys import (
    InvalidPasskeyError,
    LastSecondFactorConflictError,
    PasskeyConflictError,
    PasskeyLimitConflictError,
    PasskeyNotFoundError,
)
from echo_common.contracts.errors.second_factors import ReauthenticationRequiredError
from echo_common.contracts.http.auth import Login
from echo_common.contracts.http.passkeys import (
    PasskeyLoginRequest,
    PasskeyOptions,
    PasskeyView,
    RegisterPasskeyRequest,
    RenamePasskeyRequest,
)
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok

PasskeyId = Annotated[str, Path(description="Id of the passkey.", max_length=64, examples=["pky_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]

router = PublicRouter("authentication", dependencies=[Depends(forbid_storing)])


@router.endpoint(
    "POST",
    "/auth/passkeys/options",
    errors=(ReauthenticationRequiredError, PasskeyLimitConflictError, UserNotFoundError),
    example=enveloped(examples.PASSKEY_CREATION),
)
async def create_passkey_options(principal: AccountHolder, deps: Deps) -> Success[PasskeyOptions]:
    """Create options to register a passkey.

    Pass them to `navigator.credentials.create()`, and its result to `POST /auth/passkeys`. The session must have started within
    the last 30 minutes.
    """
    return ok(await passkeys.create_registration_options(principal, deps))


@router.endpoint(
    "POST",
    "/auth/passkeys",
    status=201,
    errors=(ReauthenticationRequiredError, InvalidPasskeyError, PasskeyConflictError, PasskeyLimitConflictError),
    example=enveloped(examples.PASSKEY),
)
async def register_passkey(
    body: RegisterPasskeyRequest, principal: AccountHolder, origin: Origin, deps: Deps
) -> Success[PasskeyView]:
    """Register a passkey."""
    return ok(_view(await passkeys.register(body, principal, origin, deps)))


@router.endpoint("GET", "/auth/passkeys", example=enveloped([examples.PASSKEY]))
async def list_passkeys(principal: AccountHolder, deps: Deps) -> Success[list[PasskeyView]]:
    """List the user's passkeys."""
    return ok([_view(passkey) for passkey in await passkeys.list_passkeys(principal.user_id, deps)])


@router.endpoint(
    "PATCH",
    "/auth/passkeys/{passkey_id}",
    errors=(PasskeyNotFoundError,),
    example=enveloped(examples.PASSKEY),
)
async def update_passkey(
    passkey_id: PasskeyId, body: RenamePasskeyRequest, principal: AccountHolder, deps: Deps
) -> Success[PasskeyView]:
    """Rename a passkey."""
    return ok(_view(await passkeys.rename(passkey_id, body.name, principal, deps)))


@router.endpoint(
    "DELETE",
    "/auth/passkeys/{passkey_id}",
    errors=(ReauthenticationRequiredError, PasskeyNotFoundError, LastSecondFactorConflictError, UserNotFoundError),
    example=enveloped(None, message="Passkey deleted."),
)
async def delete_passkey(passkey_id: PasskeyId, principal: AccountHolder, origin: Origin, deps: Deps) -> Success[None]:
    """Delete a passkey.

    The session must have started within the last 30 minutes.
    """
    await passkeys.delete(passkey_id, principal, origin, deps)
    return ok(None, message="Passkey deleted.")


@router.endpoint("POST", "/auth/passkeys/login/options", credentials=True, example=enveloped(examples.PASSKEY_REQUEST))
async def create_passkey_login_options(
    deps: Deps,
    second_factor: Annotated[
        bool, Query(description="Create options for the second factor, also for devices that check no PIN or biometrics.")
    ] = False,
) -> Success[PasskeyOptions]:
    """Create options to log in with a passkey.

    Pass them to `navigator.credentials.get()`, and its result to `POST /auth/passkeys/login`. For the second factor beside the
    password, create them with `second_factor=true` and pass the result as `passkey`.
    """
    return ok(await passkeys.create_login_options(deps, second_factor=second_factor))


@router.endpoint(
    "POST",
    "/auth/passkeys/login",
    credentials=True,
    errors=(InvalidPasskeyError, AccountInactiveError, CrossSiteRequestError),
    example=enveloped(examples.LOGIN),
)
async def log_in_with_passkey(body: PasskeyLoginRequest, origin: Origin, cookie: TokenCookie, deps: Deps) -> Success[Login]:
    """Log in with a passkey.

    No password and no code are needed: the authenticator must have checked a PIN or biometrics.
    """
    return ok(cookie.keep(await passkey_login.log_in(body.credential, origin, deps)))


def _view(passkey: Passkey) -> PasskeyView:
    return PasskeyView(
        id=passkey.id,
        name=passkey.name,
        backed_up=passkey.backed_up,
        created_at=passkey.created_at,
        last_used_at=passkey.last_used_at,
    )
