"""Routes of the auth service; the gateway serves most of them under `/api/v1`."""

from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from echo_auth import usecases
from echo_auth.usecases import Caller, Dependencies
from echo_common.auth.dependencies import AccountHolder, CurrentPrincipal, somebody
from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.errors.auth import (
    AccountInactiveError,
    EmailConflictError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    TooManyAttemptsError,
    UsernameConflictError,
)
from echo_common.contracts.http.auth import (
    JWKS_PATH,
    LOCAL_SESSION_PATH,
    TRUST_PATH,
    EchoUser,
    EchoUserRequest,
    Jwks,
    LocalSession,
    Login,
    LoginRequest,
    Name,
    RefreshRequest,
    RegisterRequest,
    Tokens,
    TrustDocument,
    UserView,
)
from echo_common.http.addresses import address_from_gateway
from echo_common.http.envelope import Success, documented, ok
from echo_common.http.plain import PlainRoute
from echo_common.service import dependencies_of

Deps = Annotated[Dependencies, Depends(dependencies_of)]


async def _caller(request: Request) -> Caller:
    peer = request.client.host if request.client else None
    address = address_from_gateway(peer, request.headers.getlist("x-forwarded-for"))
    return Caller(address=address, user_agent=request.headers.get("user-agent", "")[:300] or None)


async def _secret(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


From = Annotated[Caller, Depends(_caller)]
router = APIRouter()
plain = APIRouter(route_class=PlainRoute, dependencies=[Depends(_secret)])
tokens = APIRouter(prefix="/auth", tags=["authentication"], dependencies=[Depends(_secret)])


@tokens.post("/register", status_code=201, responses=documented(EmailConflictError, UsernameConflictError))
async def register(body: RegisterRequest, caller: From, deps: Deps) -> Success[Login]:
    """Create an account and log in."""
    return ok(await usecases.register(body, caller, deps))


@tokens.post("/login", responses=documented(InvalidCredentialsError, AccountInactiveError, TooManyAttemptsError))
async def log_in(body: LoginRequest, caller: From, deps: Deps) -> Success[Login]:
    """Log in with an email address or a username."""
    return ok(await usecases.log_in(body, caller, deps))


@tokens.post("/refresh", responses=documented(InvalidRefreshTokenError))
async def refresh(body: RefreshRequest, deps: Deps) -> Success[Tokens]:
    """Exchange a refresh token for a new token pair."""
    return ok(await usecases.refresh(body.refresh_token.get_secret_value(), deps))


@tokens.post("/logout")
async def log_out(principal: CurrentPrincipal, deps: Deps) -> Success[None]:
    """Log out of the current session."""
    await usecases.log_out(principal.session_id, deps)
    return ok(None, message="Logged out.")


@router.get("/users/me", tags=["users"])
async def me(principal: AccountHolder, deps: Deps) -> Success[UserView]:
    """Get the current user."""
    return ok(await usecases.view(principal.user_id, deps))


@plain.post("/users/{name}", tags=["users"])
async def echo_user(
    name: Name, body: EchoUserRequest, principal: Annotated[Principal | None, somebody(Scope.ACCOUNT)], caller: From, deps: Deps
) -> EchoUser:
    """Get or create a user document for the Echo API."""
    return await usecases.echo_user(name, body.email, principal, caller, deps)


@router.get(JWKS_PATH, tags=["authentication"])
async def jwks(deps: Deps, response: Response) -> Jwks:
    """Get the public keys."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return deps.signer.jwks


@router.get(TRUST_PATH, include_in_schema=False, response_model=TrustDocument)
async def trust(request: Request, deps: Deps) -> Response:
    """Get the trust document, with which services verify tokens; 304 if unchanged."""
    body = (await usecases.trust(deps)).model_dump_json().encode()
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, media_type="application/json", headers={"ETag": etag, "Cache-Control": "no-cache"})


@router.post(LOCAL_SESSION_PATH, include_in_schema=False, dependencies=[Depends(_secret)])
async def local_session(deps: Deps) -> Success[LocalSession]:
    """Issue the local user's token to the gateway, for Echo API requests without a token."""
    return ok(await usecases.local_session(deps))


router.include_router(tokens)
router.include_router(plain)
