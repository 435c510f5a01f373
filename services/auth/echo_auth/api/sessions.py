"""Endpoints for sessions and their tokens."""

from typing import Annotated

from fastapi import Depends, Path, Query

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.api.refresh_cookie import TokenCookie
from echo_auth.domain.devices import name_device
from echo_auth.domain.sessions import Session
from echo_auth.usecases import sessions
from echo_auth.usecases.sessions import SESSION_ORDERS
from echo_common.auth.dependencies import AccountHolder, CurrentPrincipal
from echo_common.auth.principal import Principal
from echo_common.contracts.errors.auth import (
    AccountInactiveError,
    ApiKeyLogoutError,
    CrossSiteRequestError,
    EmailNotConfirmedError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    SessionNotFoundError,
    TooManyAttemptsError,
    UserNotFoundError,
)
from echo_common.contracts.errors.passkeys import InvalidPasskeyError
from echo_common.contracts.errors.second_factors import InvalidTotpCodeError, TotpRequiredError
from echo_common.contracts.http.auth import Login, LoginRequest, RefreshRequest, Tokens
from echo_common.contracts.http.sessions import EndedSessions, SessionView
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated

SessionId = Annotated[str, Path(max_length=40, description="Id of the session.", examples=[examples.SESSION["id"]])]
SessionPage = Annotated[Page, Depends(paginated(*SESSION_ORDERS, default="last_activity"))]

router = PublicRouter("authentication", dependencies=[Depends(forbid_storing)])


@router.endpoint(
    "POST",
    "/auth/login",
    credentials=True,
    errors=(
        InvalidCredentialsError,
        TotpRequiredError,
        InvalidTotpCodeError,
        InvalidPasskeyError,
        AccountInactiveError,
        EmailNotConfirmedError,
        CrossSiteRequestError,
        TooManyAttemptsError,
    ),
    example=enveloped(examples.LOGIN),
)
async def log_in(body: LoginRequest, origin: Origin, cookie: TokenCookie, deps: Deps) -> Success[Login]:
    """Log in with an email address or a username.

    With the header `X-Refresh-Token: cookie`, a browser keeps the refresh token in an HttpOnly cookie; the body then lacks it.
    """
    return ok(cookie.keep(await sessions.log_in(body, origin, deps)))


@router.endpoint(
    "POST",
    "/auth/refresh",
    credentials=True,
    errors=(InvalidRefreshTokenError, CrossSiteRequestError),
    example=enveloped(examples.TOKENS),
)
async def refresh(body: RefreshRequest, cookie: TokenCookie, deps: Deps) -> Success[Tokens]:
    """Exchange a refresh token for a new pair of tokens.

    A refresh token is valid once. Presenting a used one ends the session, because it may have been stolen. Of concurrent
    requests with the same token, one succeeds and the others are refused. A browser with the token in its cookie sends the
    header `X-Refresh-Token: cookie` and an empty object.
    """
    sent = None if body.refresh_token is None else body.refresh_token.get_secret_value()
    return ok(cookie.keep(await sessions.refresh(cookie.refresh_token(sent), deps)))


@router.endpoint(
    "POST",
    "/auth/logout",
    errors=(ApiKeyLogoutError, CrossSiteRequestError),
    example=enveloped(None, message="Logged out."),
)
async def log_out(principal: CurrentPrincipal, origin: Origin, cookie: TokenCookie, deps: Deps) -> Success[None]:
    """Log out.

    The session's access tokens are refused everywhere within five seconds.
    """
    await sessions.log_out(principal, origin, deps)
    cookie.delete()
    return ok(None, message="Logged out.")


@router.endpoint(
    "GET", "/auth/sessions", errors=(UserNotFoundError,), example=enveloped([examples.SESSION], meta=examples.PAGE)
)
async def list_sessions(principal: AccountHolder, deps: Deps, page: SessionPage) -> Success[list[SessionView]]:
    """List the user's sessions, last used first."""
    found, total = await sessions.list_sessions(principal, page, deps)
    return ok([_view(session, principal) for session in found], meta=page.meta(total))


@router.endpoint("DELETE", "/auth/sessions", errors=(UserNotFoundError,), example=enveloped({"ended": 2}))
async def end_sessions(
    principal: AccountHolder,
    origin: Origin,
    deps: Deps,
    except_current: Annotated[bool, Query(description="Keep the session of this request.")] = False,
) -> Success[EndedSessions]:
    """End all sessions of the user."""
    return ok(EndedSessions(ended=await sessions.end_sessions(principal, origin, deps, except_current=except_current)))


@router.endpoint(
    "DELETE",
    "/auth/sessions/{session_id}",
    errors=(SessionNotFoundError,),
    example=enveloped(None, message="The session has ended."),
)
async def end_session(session_id: SessionId, principal: AccountHolder, origin: Origin, deps: Deps) -> Success[None]:
    """End a session of the user.

    Its access tokens are refused everywhere within five seconds.
    """
    await sessions.end_session(session_id, principal, origin, deps)
    return ok(None, message="The session has ended.")


def _view(session: Session, principal: Principal) -> SessionView:
    return SessionView(
        id=session.id,
        device=name_device(session.user_agent),
        address=session.address,
        start_time=session.start_time,
        expiry_time=session.expiry_time,
        last_activity=session.last_activity,
        current=session.id == principal.session_id,
    )
