"""The refresh token in a cookie, for browsers: scripts cannot read it, and other sites cannot use it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from fastapi import Cookie, Depends, Header, Request, Response
from pydantic.json_schema import SkipJsonSchema

from echo_auth.api.dependencies import Deps
from echo_common.contracts.errors.auth import CrossSiteRequestError, InvalidRefreshTokenError
from echo_common.contracts.http.auth import Tokens
from echo_common.errors import refuse

COOKIE = "echo_refresh"
_PATH = "/api/v1/auth"

T = TypeVar("T", bound=Tokens)


@dataclass(frozen=True, slots=True)
class RefreshCookie:
    """The cookie of a request: whether its client wants one, the token in it, and the response that sets it."""

    wanted: bool
    token: str | None
    response: Response
    secure: bool
    max_age: int

    def keep(self, tokens: T) -> T:
        """Move the refresh token from the body into the cookie, if the client wants it there."""
        if not self.wanted or tokens.refresh_token is None:
            return tokens
        self.response.set_cookie(
            COOKIE,
            tokens.refresh_token,
            max_age=self.max_age,
            path=_PATH,
            secure=self.secure,
            httponly=True,
            samesite="strict",
        )
        return tokens.model_copy(update={"refresh_token": None})

    def refresh_token(self, in_body: str | None) -> str:
        """Return the refresh token of the body, or the one in the cookie, which needs the header.

        Raises `ValidationError`, `InvalidRefreshTokenError`.
        """
        if in_body is not None:
            return in_body
        if not self.wanted:
            refuse("refresh_token", "Send the refresh token, or the header X-Refresh-Token: cookie with the cookie.")
        if self.token is None:
            raise InvalidRefreshTokenError
        return self.token

    def delete(self) -> None:
        """Delete the cookie, if the request has one."""
        if self.token is not None:
            self.response.delete_cookie(COOKIE, path=_PATH, secure=self.secure, httponly=True, samesite="strict")


async def _refresh_cookie(
    request: Request,
    response: Response,
    deps: Deps,
    wanted: Annotated[
        Literal["cookie"] | SkipJsonSchema[None],
        Header(alias="X-Refresh-Token", description="Keep the refresh token in an HttpOnly cookie instead of the body."),
    ] = None,
    token: Annotated[str | None, Cookie(alias=COOKIE, include_in_schema=False)] = None,
) -> RefreshCookie:
    """Read the cookie. Raises `CrossSiteRequestError`.

    The header is the protection against requests of other sites: browsers ask before they send it to another
    origin, and the gateway permits credentials to listed origins only.
    """
    if wanted is not None and not _permitted(request, deps.public_url, deps.settings.cookie_origins):
        raise CrossSiteRequestError
    return RefreshCookie(
        wanted=wanted is not None,
        token=token,
        response=response,
        secure=deps.public_url.startswith("https:"),
        max_age=int(deps.settings.session_lasts.total_seconds()),
    )


def _permitted(request: Request, public_url: str, others: Collection[str]) -> bool:
    """Return whether a browser reports this or a permitted origin; clients that are no browsers report none."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site in {None, "none"}:
        return origin in {None, public_url, *others}
    return site == "same-origin" or (site == "same-site" and origin in others)


TokenCookie = Annotated[RefreshCookie, Depends(_refresh_cookie)]
