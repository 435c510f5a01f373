"""Redirects of logins at providers: to the provider, and back to a page of this platform."""

from collections.abc import Awaitable
from dataclasses import replace
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from echo_auth.api.refresh_cookie import RefreshCookie
from echo_auth.usecases.provider_states import StartedLogin
from echo_common.contracts.http.auth import Login
from echo_common.errors import EchoError
from echo_common.http.envelope import Success, ok

STATE_SECONDS = 600
_PAGE = "/logged-in"
"""The gateway's page on which logins of browsers end."""


def keep_state(response: Response, started: StartedLogin, cookie: str, path: str, public_url: str) -> None:
    """Let the browser keep the state of a login until it returns."""
    response.set_cookie(
        cookie,
        started.state,
        max_age=STATE_SECONDS,
        path=path,
        secure=public_url.startswith("https:"),
        httponly=True,
        samesite="lax",  # the provider's redirect back is a request from another site
    )


def redirect_to_provider(started: StartedLogin, cookie: str, path: str, public_url: str) -> Response:
    """Redirect the browser to the provider."""
    response = Response(status_code=302, headers={"Location": started.url, "Cache-Control": "no-store"})
    keep_state(response, started, cookie, path, public_url)
    return response


async def respond(
    finishing: Awaitable[Login], request: Request, response: Response, refresh: RefreshCookie, cookie: str, path: str
) -> Response | Success[Login]:
    """Finish a login, and respond to a browser with a redirect, to an API client with JSON.

    `cookie` and `path` are those of the state, which is deleted. Errors are raised for API clients only.
    """
    try:
        login = await finishing
    except EchoError as error:
        if _wants_json(request):
            raise
        return _redirect_error(error)
    if not _wants_json(request):
        return _redirect_logged_in(login, refresh, cookie, path)
    response.delete_cookie(cookie, path=path)
    return ok(refresh.keep(login))


def _redirect_logged_in(login: Login, refresh: RefreshCookie, cookie: str, path: str) -> Response:
    """Redirect the browser to the page, with its refresh token in a cookie."""
    response = _redirect()
    response.delete_cookie(cookie, path=path)
    replace(refresh, wanted=True, response=response).keep(login)
    return response


def _redirect_error(error: EchoError) -> Response:
    """Redirect the browser to the page; the error is in the fragment, which browsers send to no server."""
    details = error.details if isinstance(error.details, dict) else {}
    return _redirect("#" + urlencode({"error": error.code, **details}))


def _wants_json(request: Request) -> bool:
    """Return whether an API client asks for JSON; browsers ask for a page."""
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def _redirect(fragment: str = "") -> Response:
    return RedirectResponse(_PAGE + fragment, 303, {"Cache-Control": "no-store"})
