"""Endpoints for logins at the identity provider."""

from typing import Annotated

from fastapi import Cookie, Depends, Query, Request, Response

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.api.provider_login import redirect_to_provider, respond
from echo_auth.api.refresh_cookie import TokenCookie
from echo_auth.usecases import oidc
from echo_common.auth.dependencies import AccountHolder
from echo_common.contracts.errors.auth import AccountInactiveError, CrossSiteRequestError, UserNotFoundError
from echo_common.contracts.errors.oidc import (
    IdentityProviderUnavailableError,
    LinkRefusedConflictError,
    LinkRequiredConflictError,
    OidcAccountRefusedError,
    OidcLoginFailedError,
    OidcNotConfiguredError,
)
from echo_common.contracts.errors.second_factors import ReauthenticationRequiredError
from echo_common.contracts.http.auth import Login
from echo_common.contracts.http.oidc import IdentityProviderView, LinkIdentityRequest
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import Media, PublicRouter, enveloped
from echo_common.http.envelope import Success, ok

_COOKIE = "echo_oidc_state"
_COOKIE_PATH = "/api/v1/auth/oidc"

router = PublicRouter("authentication", dependencies=[Depends(forbid_storing)])


@router.endpoint("GET", "/auth/oidc", example=enveloped({"configured": True, "name": "Single sign-on"}))
async def get_identity_provider(deps: Deps) -> Success[IdentityProviderView]:
    """Get the identity provider."""
    return ok(IdentityProviderView(configured=deps.identity_provider is not None, name=deps.oidc.name))


@router.endpoint(
    "GET",
    "/auth/oidc/login",
    credentials=True,
    status=302,
    media=Media("Redirect to the login page of the identity provider", ()),
    errors=(OidcNotConfiguredError, IdentityProviderUnavailableError),
)
async def start_oidc_login(deps: Deps) -> Response:
    """Start a login at the identity provider.

    Open this in a browser. The provider sends the browser back to `GET /auth/oidc/callback`.
    """
    return redirect_to_provider(await oidc.start_login(deps), _COOKIE, _COOKIE_PATH, deps.public_url)


@router.endpoint(
    "GET",
    "/auth/oidc/callback",
    credentials=True,
    response=Success[Login],
    errors=(
        OidcNotConfiguredError,
        OidcLoginFailedError,
        OidcAccountRefusedError,
        LinkRequiredConflictError,
        AccountInactiveError,
        CrossSiteRequestError,
        IdentityProviderUnavailableError,
    ),
    other_responses={303: "Redirect of a browser to the page `/logged-in`."},
    example=enveloped(examples.LOGIN),
    any_query=True,
)
async def finish_oidc_login(
    request: Request,
    origin: Origin,
    cookie: TokenCookie,
    deps: Deps,
    response: Response,
    code: Annotated[str | None, Query(max_length=4096, description="Authorisation code.")] = None,
    state: Annotated[str | None, Query(max_length=256, description="State of the login.")] = None,
    browser_state: Annotated[str | None, Cookie(alias=_COOKIE, include_in_schema=False)] = None,
) -> Response | Success[Login]:
    """Finish a login at the identity provider.

    The provider sends the browser here, which then has the refresh token in its cookie and is redirected to the page `/logged-in`,
    also after an error. Clients that accept `application/json` receive JSON. If a local account has the same email, the response is
    409 with a `link_token`: log in to that account and confirm with `POST /auth/oidc/link`.
    """
    finishing = oidc.finish_login(code, state, browser_state, origin, deps)
    return await respond(finishing, request, response, cookie, _COOKIE, _COOKIE_PATH)


@router.endpoint(
    "POST",
    "/auth/oidc/link",
    credentials=True,
    errors=(OidcNotConfiguredError, LinkRefusedConflictError, ReauthenticationRequiredError, UserNotFoundError),
    example=enveloped(None, message="Identity linked."),
)
async def link_identity(body: LinkIdentityRequest, principal: AccountHolder, origin: Origin, deps: Deps) -> Success[None]:
    """Link an identity of the identity provider to the account.

    The session must have started within the last 30 minutes.
    """
    await oidc.confirm_link(body.link_token.get_secret_value(), principal, origin, deps)
    return ok(None, message="Identity linked.")
