"""Endpoints for logins with Spotify."""

from typing import Annotated, Final

from fastapi import Cookie, Depends, Query, Request, Response

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.api.provider_login import keep_state, redirect_to_provider, respond
from echo_auth.api.refresh_cookie import TokenCookie
from echo_auth.usecases import spotify_login
from echo_common.auth.dependencies import LoggedInUser
from echo_common.contracts.errors.auth import AccountInactiveError, CrossSiteRequestError
from echo_common.contracts.errors.second_factors import ReauthenticationRequiredError
from echo_common.contracts.errors.spotify import (
    SpotifyAccountConflictError,
    SpotifyAccountRefusedError,
    SpotifyLoginFailedError,
    SpotifyLoginNotConfiguredError,
    SpotifyUnavailableError,
)
from echo_common.contracts.http.auth import Login
from echo_common.contracts.http.spotify import SpotifyLoginUrl
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import Media, PublicRouter, enveloped
from echo_common.http.envelope import Success, ok

_COOKIE: Final = "echo_spotify_login"
_COOKIE_PATH: Final = "/api/v1/auth/spotify"

router = PublicRouter("authentication", dependencies=[Depends(forbid_storing)])


@router.endpoint(
    "GET",
    "/auth/spotify/login",
    credentials=True,
    status=302,
    media=Media("Redirect to the login page of Spotify", ()),
    errors=(SpotifyLoginNotConfiguredError,),
)
async def start_spotify_login(deps: Deps) -> Response:
    """Start a login with Spotify.

    Open this in a browser. Spotify sends the browser back to `GET /auth/spotify/callback`.
    """
    return redirect_to_provider(await spotify_login.start_login(deps), _COOKIE, _COOKIE_PATH, deps.public_url)


@router.endpoint(
    "GET",
    "/auth/spotify/callback",
    credentials=True,
    response=Success[Login],
    errors=(
        SpotifyLoginNotConfiguredError,
        SpotifyLoginFailedError,
        SpotifyAccountRefusedError,
        SpotifyAccountConflictError,
        AccountInactiveError,
        CrossSiteRequestError,
        SpotifyUnavailableError,
    ),
    other_responses={303: "Redirect of a browser to the page `/logged-in`."},
    example=enveloped(examples.LOGIN),
    any_query=True,
)
async def finish_spotify_login(
    request: Request,
    origin: Origin,
    cookie: TokenCookie,
    deps: Deps,
    response: Response,
    code: Annotated[str | None, Query(max_length=4096, description="Authorization code.")] = None,
    state: Annotated[str | None, Query(max_length=256, description="State of the login.")] = None,
    browser_state: Annotated[str | None, Cookie(alias=_COOKIE, include_in_schema=False)] = None,
) -> Response | Success[Login]:
    """Finish a login with Spotify.

    Spotify sends the browser here, which then has the refresh token in its cookie and is redirected to the page `/logged-in`, also
    after an error. Clients that accept `application/json` receive JSON. An unknown user of Spotify gets a new account without an
    email address, whatever the address there.
    """
    finishing = spotify_login.finish_login(code, state, browser_state, origin, deps)
    return await respond(finishing, request, response, cookie, _COOKIE, _COOKIE_PATH)


@router.endpoint(
    "POST",
    "/auth/spotify/link",
    errors=(SpotifyLoginNotConfiguredError, ReauthenticationRequiredError),
    example=enveloped({"url": "https://accounts.spotify.com/authorize?client_id=…"}),
)
async def link_spotify_identity(principal: LoggedInUser, deps: Deps, response: Response) -> Success[SpotifyLoginUrl]:
    """Let the current user log in with Spotify from now on.

    The session must have started within the last 30 minutes. Open the URL in the browser that sent this request. An account of Spotify
    that belongs to another user is refused.
    """
    started = await spotify_login.start_identity_link(principal, deps)
    keep_state(response, started, _COOKIE, _COOKIE_PATH, deps.public_url)
    return ok(SpotifyLoginUrl(url=started.url))
