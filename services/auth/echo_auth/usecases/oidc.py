"""Use cases of logins at the identity provider (OpenID Connect, authorisation code with PKCE)."""

import secrets

from echo_auth.dependencies import Dependencies
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.identity_provider import IdentityProvider
from echo_auth.usecases.identities import LINK, link_identity, resolve_user
from echo_auth.usecases.provider_states import StartedLogin, decoded, encoded, take_state
from echo_auth.usecases.reauthentication import require_recent_login
from echo_auth.usecases.sessions import complete_login
from echo_common.auth.principal import Principal
from echo_common.contracts.errors.oidc import LinkRefusedConflictError, OidcLoginFailedError, OidcNotConfiguredError
from echo_common.contracts.http.auth import Login

_LOGIN = "oidc login"


async def start_login(deps: Dependencies) -> StartedLogin:
    """Start a login. Raises `OidcNotConfiguredError`, `IdentityProviderUnavailableError`."""
    provider = _provider(deps)
    nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    state = encoded(await deps.challenges.issue(_LOGIN, {"nonce": nonce, "verifier": verifier}))
    return StartedLogin(await provider.login_url(state, nonce, verifier), state)


async def finish_login(
    code: str | None, state: str | None, browser_state: str | None, origin: RequestOrigin, deps: Dependencies
) -> Login:
    """Start a session of the user whom the provider has authenticated.

    The state is valid once, in the browser that started the login. Raises `OidcNotConfiguredError`, `OidcLoginFailedError`,
    `OidcAccountRefusedError`, `LinkRequiredConflictError`, `AccountInactiveError`, `IdentityProviderUnavailableError`.
    """
    provider = _provider(deps)
    started = await take_state(_LOGIN, state, browser_state, deps)
    if started is None or not code:
        raise OidcLoginFailedError
    claims = await provider.claims_of_code(code, started["nonce"], started["verifier"])
    user = await resolve_user(claims, origin, deps)
    return await complete_login(user, origin, deps)


async def confirm_link(token: str, principal: Principal, origin: RequestOrigin, deps: Dependencies) -> None:
    """Link the identity of a refused login to the principal's account, which must have its email.

    Raises `OidcNotConfiguredError`, `ReauthenticationRequiredError`, `LinkRefusedConflictError`.
    """
    _provider(deps)
    await require_recent_login(principal, deps)
    asked = await deps.challenges.take(LINK, decoded(token))
    user = await deps.users.get(principal.user_id)
    if asked is None or asked["email"] != user.email:
        raise LinkRefusedConflictError
    await link_identity(asked["issuer"], asked["subject"], user, origin, deps)


def _provider(deps: Dependencies) -> IdentityProvider:
    if deps.identity_provider is None:
        raise OidcNotConfiguredError
    return deps.identity_provider
