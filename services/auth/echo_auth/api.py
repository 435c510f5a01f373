"""HTTP API of the auth service; the gateway proxies its public endpoints."""

from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from echo_auth import lookup, usecases
from echo_auth.dependencies import Dependencies
from echo_auth.usecases import RequestOrigin
from echo_common.auth.dependencies import Access, AccountHolder, CurrentPrincipal
from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.errors.auth import (
    AccountInactiveError,
    EmailConflictError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    TooManyAttemptsError,
    UsernameConflictError,
    UserNotFoundError,
)
from echo_common.contracts.http.auth import (
    JWKS_PATH,
    LOCAL_SESSION_PATH,
    RECIPIENT_PATH,
    TRUST_PATH,
    EchoUser,
    EchoUserRequest,
    Email,
    FoundUser,
    Jwks,
    LocalSession,
    Login,
    LoginRequest,
    Recipient,
    RecipientRequest,
    RefreshRequest,
    RegisterRequest,
    Tokens,
    TrustDocument,
    Username,
    UserPatch,
    UserView,
)
from echo_common.contracts.http.base import Name
from echo_common.errors import ForbiddenError
from echo_common.http.addresses import address_from_gateway
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.service import dependencies_of

_USER = {
    "id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "email": "ada@example.com",
    "username": "ada",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "preferred_language": "en",
    "date_of_birth": "1915-12-10",
    "plan": "user",
    "role": "user",
    "discoverable": False,
    "created_at": "2026-01-31T10:00:00Z",
    "last_login": "2026-01-31T10:00:00Z",
}
_TOKENS = {"access_token": "eyJ…", "refresh_token": "sTf0…", "token_type": "Bearer", "expires_in": 900}
_LOGIN = _TOKENS | {"user": _USER}
_ECHO_USER = {
    "_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "name": "Ada",
    "email": "ada@example.com",
    "created_at": "2026-01-31T10:00:00Z",
}
_KEYS = {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "…", "x": "…"}]}

Deps = Annotated[Dependencies, Depends(dependencies_of)]


async def _origin(request: Request) -> RequestOrigin:
    peer = request.client.host if request.client else None
    address = address_from_gateway(peer, request.headers.getlist("x-forwarded-for"))
    return RequestOrigin(address=address, user_agent=request.headers.get("user-agent", "")[:300] or None)


async def _secret(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


Origin = Annotated[RequestOrigin, Depends(_origin)]
EchoPrincipal = Annotated[Principal | None, Depends(Access((Scope.ACCOUNT,), optional=True))]
EchoUserName = Annotated[Name, Path(description="Name of the user.", examples=["Ada"])]

# responses carry tokens, which are secrets: they must not be stored for an Idempotency-Key
tokens = PublicRouter("authentication", dependencies=[Depends(_secret)])
users = PublicRouter("users")
echo_users = PublicRouter("Echo API", root="/api", plain=True, dependencies=[Depends(_secret)])
keys = PublicRouter("authentication", root="")
internal = APIRouter()


@tokens.endpoint(
    "POST", "/auth/register", status=201, errors=(EmailConflictError, UsernameConflictError), example=enveloped(_LOGIN)
)
async def register(body: RegisterRequest, origin: Origin, deps: Deps) -> Success[Login]:
    """Register an account and log in."""
    return ok(await usecases.register(body, origin, deps))


@tokens.endpoint(
    "POST",
    "/auth/login",
    errors=(InvalidCredentialsError, AccountInactiveError, TooManyAttemptsError),
    example=enveloped(_LOGIN),
)
async def log_in(body: LoginRequest, origin: Origin, deps: Deps) -> Success[Login]:
    """Log in with an email address or a username."""
    return ok(await usecases.log_in(body, origin, deps))


@tokens.endpoint("POST", "/auth/refresh", errors=(InvalidRefreshTokenError,), example=enveloped(_TOKENS))
async def refresh(body: RefreshRequest, deps: Deps) -> Success[Tokens]:
    """Exchange a refresh token for a new pair of tokens.

    A refresh token is valid once. Presenting a used one ends the session, because it may have been stolen.
    """
    return ok(await usecases.refresh(body.refresh_token.get_secret_value(), deps))


@tokens.endpoint("POST", "/auth/logout", example=enveloped(None, message="Logged out."))
async def log_out(principal: CurrentPrincipal, deps: Deps) -> Success[None]:
    """Log out.

    The session's access tokens are refused everywhere within five seconds.
    """
    await usecases.log_out(principal.session_id, deps)
    return ok(None, message="Logged out.")


@users.endpoint("GET", "/users/me", errors=(UserNotFoundError,), example=enveloped(_USER))
async def get_current_user(principal: AccountHolder, deps: Deps) -> Success[UserView]:
    """Get the current user."""
    return ok(await usecases.view(principal.user_id, deps))


@users.endpoint(
    "PATCH", "/users/me", idempotent=True, errors=(UserNotFoundError,), example=enveloped(_USER | {"discoverable": True})
)
async def change_current_user(body: UserPatch, principal: AccountHolder, deps: Deps) -> Success[UserView]:
    """Change the current user."""
    await lookup.change_user(principal.user_id, body, deps)
    return ok(await usecases.view(principal.user_id, deps))


@users.endpoint(
    "GET",
    "/users/lookup",
    errors=(UserNotFoundError, TooManyAttemptsError),
    example=enveloped({"id": _USER["id"], "name": "Ada Lovelace"}),
)
async def find_user(
    principal: AccountHolder,
    deps: Deps,
    email: Annotated[Email | None, Query(description="Exact email address.")] = None,
    username: Annotated[Username | None, Query(description="Exact username, instead of `email`.")] = None,
) -> Success[FoundUser]:
    """Find a user to share with, by email address or username.

    Only users whose `discoverable` is true are found; for others, and for unknown ones, the response is 404. The response does
    not contain the email address.
    """
    return ok(await lookup.find_user(email, username, principal, deps))


@echo_users.endpoint("POST", "/users/{name}", errors=(ForbiddenError,), example=_ECHO_USER)
async def name_user(
    name: EchoUserName, body: EchoUserRequest, principal: EchoPrincipal, origin: Origin, deps: Deps
) -> EchoUser:
    """Name the current user.

    With a token: the token's user, whose address `email` must be. Without a token: a guest, where the operator allows guests.
    The response then carries the tokens, and repeats the address, which is neither looked up nor stored.
    """
    return await usecases.echo_user(name, body.email, principal, origin, deps)


@keys.endpoint("GET", JWKS_PATH, example=_KEYS)
async def list_public_keys(deps: Deps, response: Response) -> Jwks:
    """List the public keys that verify access tokens (RFC 7517)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return deps.signer.jwks


@internal.get(TRUST_PATH, include_in_schema=False, response_model=TrustDocument)
async def trust(request: Request, deps: Deps) -> Response:
    """Get the trust document, with which services verify tokens; 304 if unchanged."""
    body = (await usecases.trust(deps)).model_dump_json().encode()
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, media_type="application/json", headers={"ETag": etag, "Cache-Control": "no-cache"})


@internal.post(LOCAL_SESSION_PATH, include_in_schema=False, dependencies=[Depends(_secret)])
async def local_session(deps: Deps) -> Success[LocalSession]:
    """Issue the local user's token to the gateway, for Echo API requests without a token."""
    return ok(await usecases.local_session(deps))


@internal.post(RECIPIENT_PATH, include_in_schema=False)
async def find_recipient(body: RecipientRequest, deps: Deps) -> Success[Recipient]:
    """Find the recipient of a share, for the service that owns the shared resource."""
    return ok(await lookup.find_recipient(body, deps))


ROUTERS = (tokens, users, echo_users, keys, internal)
