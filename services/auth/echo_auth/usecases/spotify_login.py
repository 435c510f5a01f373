"""Use cases of logins with Spotify. An address never finds an account: only a stored identity does."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from echo_auth.dependencies import Dependencies
from echo_auth.domain.identities import Identity
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.users import User
from echo_auth.spotify_provider import ISSUER, SpotifyProvider, SpotifyUser
from echo_auth.usecases.identities import create_user, link_identity
from echo_auth.usecases.provider_states import StartedLogin, encoded, take_state
from echo_auth.usecases.reauthentication import require_recent_login
from echo_auth.usecases.sessions import complete_login
from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.spotify import (
    SpotifyAccountConflictError,
    SpotifyAccountRefusedError,
    SpotifyLoginFailedError,
    SpotifyLoginNotConfiguredError,
)
from echo_common.contracts.http.auth import Login
from echo_common.errors import ServiceUnavailableError

_LOGIN: Final = "spotify login"
_CREATION: Final = timedelta(minutes=1)
"""Time after which an identity whose account is missing was left by a process that died."""


async def start_login(deps: Dependencies) -> StartedLogin:
    """Start a login. Raises `SpotifyLoginNotConfiguredError`."""
    return await _start({}, deps)


async def start_identity_link(principal: Principal, deps: Dependencies) -> StartedLogin:
    """Start a login that lets the principal log in with Spotify from then on.

    Raises `SpotifyLoginNotConfiguredError`, `ReauthenticationRequiredError`.
    """
    _provider(deps)  # refuse first what cannot succeed
    await require_recent_login(principal, deps)
    return await _start({"user_id": principal.user_id}, deps)


async def finish_login(
    code: str | None, state: str | None, browser_state: str | None, origin: RequestOrigin, deps: Dependencies
) -> Login:
    """Start a session of the user whom Spotify has authenticated.

    The state is valid once, in the browser that started the login. Raises `SpotifyLoginNotConfiguredError`,
    `SpotifyLoginFailedError`, `SpotifyAccountRefusedError`, `SpotifyAccountConflictError`, `AccountInactiveError`,
    `SpotifyUnavailableError`.
    """
    provider = _provider(deps)
    started = await take_state(_LOGIN, state, browser_state, deps)
    if started is None or not code:
        raise SpotifyLoginFailedError
    found = await provider.user_of_code(code, started["verifier"])
    user = await _resolve(found, started.get("user_id"), origin, deps)
    return await complete_login(user, origin, deps)


async def _start(data: Mapping[str, Any], deps: Dependencies) -> StartedLogin:
    provider, verifier = _provider(deps), secrets.token_urlsafe(48)
    state = encoded(await deps.challenges.issue(_LOGIN, {**data, "verifier": verifier}))
    return StartedLogin(provider.login_url(state, verifier), state)


async def _resolve(found: SpotifyUser, linking: str | None, origin: RequestOrigin, deps: Dependencies) -> User:
    """Return the account of a user of Spotify; link it to the user who asked for that, or create one.

    Raises `SpotifyAccountConflictError`, `SpotifyAccountRefusedError`.
    """
    owner = await _find_owner(found.subject, deps)
    if owner is None and linking is not None:
        await link_identity(ISSUER, found.subject, await deps.users.get(linking), origin, deps)
        owner = await _find_owner(found.subject, deps)  # another user's, if a concurrent login was faster
    elif owner is None:
        if not deps.settings.spotify_create_users:
            raise SpotifyAccountRefusedError
        return await create_user(ISSUER, found.subject, {"first_name": found.name}, None, origin, deps)
    if owner is None or linking not in {None, owner.id}:
        raise SpotifyAccountConflictError
    return owner


async def _find_owner(subject: str, deps: Dependencies) -> User | None:
    """Return the account of a user of Spotify; remove an identity whose account was never stored, because the process died.

    Raises `ServiceUnavailableError` while another login creates the account.
    """
    identity = await deps.identities.find_one({"_id": Identity.id_of(ISSUER, subject)})
    if identity is None:
        return None
    owner = await deps.users.find_one({"_id": identity.user_id})
    if owner is None:
        if identity.created_at > now() - _CREATION:
            raise ServiceUnavailableError("Another login creates this account at the moment; try again.", retry_after=1)
        identity.erase()
        await deps.identities.save(identity)
    return owner


def _provider(deps: Dependencies) -> SpotifyProvider:
    if deps.spotify_provider is None:
        raise SpotifyLoginNotConfiguredError
    return deps.spotify_provider
