"""Use cases of links to Spotify: start, finish, read and remove them."""

import base64
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from echo_common.auth.principal import Principal
from echo_common.challenges import LASTS
from echo_common.clock import now
from echo_common.contracts.errors.spotify import (
    SpotifyAccountConflictError,
    SpotifyLinkDeniedError,
    SpotifyNotConfiguredError,
    SpotifyNotLinkedError,
    SpotifyStateInvalidError,
    SpotifyUnavailableError,
)
from echo_common.errors import NotFoundError
from echo_common.store.port import DuplicateError
from echo_listening.dependencies import Dependencies, Spotify
from echo_listening.domain.spotify import SpotifyLink, SpotifyProfile
from echo_listening.spotify_api import SpotifyPage, SpotifyPlaylist, SpotifyTokenRefusedError, SpotifyTokens
from echo_listening.usecases.spotify_access import encrypted, with_access
from echo_listening.usecases.spotify_artists import use_top_artists

_LINK: Final = "spotify link"


@dataclass(frozen=True, slots=True)
class StartedLink:
    """The URL of Spotify's consent page, the state that the browser keeps until it returns, and their expiry."""

    url: str
    state: str
    expires_at: datetime


def require_spotify(deps: Dependencies) -> Spotify:
    """Return Spotify and the encryption of its tokens. Raises `SpotifyNotConfiguredError`."""
    if deps.spotify is None:
        raise SpotifyNotConfiguredError(retry_after=None)
    return deps.spotify


async def start_link(principal: Principal, deps: Dependencies) -> StartedLink:
    """Start a link. Raises `SpotifyNotConfiguredError`."""
    spotify = require_spotify(deps)
    expires_at, verifier = now() + LASTS, secrets.token_urlsafe(48)
    data = {"user_id": principal.user_id, "verifier": spotify.encryption.encrypt(verifier.encode()).decode()}
    state = base64.urlsafe_b64encode(await deps.spotify_states.issue(_LINK, data)).decode()
    return StartedLink(spotify.api.consent_url(state, verifier), state, expires_at)


async def finish_link(
    code: str | None, state: str | None, error: str | None, browser_state: str | None, deps: Dependencies
) -> None:
    """Link the account of Spotify whose user has permitted it, to the user who started the link in this browser.

    Raises `SpotifyNotConfiguredError`, `SpotifyStateInvalidError`, `SpotifyLinkDeniedError`, `SpotifyAccountConflictError`,
    `SpotifyUserNotAllowedError`, `SpotifyUnavailableError`.
    """
    spotify = require_spotify(deps)
    if not state or not hmac.compare_digest(state.encode(), (browser_state or "").encode()):
        raise SpotifyStateInvalidError
    started = await deps.spotify_states.take(_LINK, _decoded(state))
    if started is None:
        raise SpotifyStateInvalidError
    if error or not code:
        raise SpotifyLinkDeniedError
    verifier = spotify.encryption.decrypt(started["verifier"].encode()).decode()
    try:
        tokens = await spotify.api.tokens_of_code(code, verifier)
        profile = await spotify.api.profile(tokens.access_token)
    except SpotifyTokenRefusedError as refused:
        raise SpotifyLinkDeniedError from refused
    await _store(started["user_id"], profile, tokens, deps)
    await use_top_artists(started["user_id"], deps)  # another account's are not known yet
    await deps.erasure.repeat_for(started["user_id"])  # the user may have been deleted meanwhile


async def find_link(principal: Principal, deps: Dependencies) -> SpotifyLink | None:
    """Return the user's link, if there is one. Raises `SpotifyNotConfiguredError`."""
    require_spotify(deps)
    return await deps.spotify_links.find_one({"_id": principal.user_id})


async def require_link(principal: Principal, deps: Dependencies) -> SpotifyLink:
    """Return the user's link, which has not expired. Raises `SpotifyNotConfiguredError`, `SpotifyNotLinkedError`."""
    link = await find_link(principal, deps)
    if link is None or link.refresh_token is None:
        raise SpotifyNotLinkedError
    return link


async def remove_link(principal: Principal, deps: Dependencies) -> None:
    """Erase the user's link and everything of it; idempotent. Raises `SpotifyNotConfiguredError`."""
    require_spotify(deps)
    await deps.spotify_states.discard(principal.user_id)
    with suppress(NotFoundError):
        await deps.spotify_links.update(principal.user_id, SpotifyLink.unlink)
    await use_top_artists(principal.user_id, deps)


async def list_playlists(principal: Principal, offset: int, limit: int, deps: Dependencies) -> SpotifyPage[SpotifyPlaylist]:
    """Return a part of the user's playlists at Spotify.

    Raises `SpotifyNotConfiguredError`, `SpotifyNotLinkedError`, `SpotifyUserNotAllowedError`, `SpotifyUnavailableError`.
    """
    api = require_spotify(deps).api
    return await with_access(principal.user_id, deps, lambda token: api.playlists(token, offset, limit))


async def _store(user_id: str, profile: SpotifyProfile, tokens: SpotifyTokens, deps: Dependencies) -> None:
    """Store a link, or replace the user's link. Raises `SpotifyAccountConflictError`, `SpotifyUnavailableError`."""
    moment = now()
    if tokens.refresh_token is None:  # Spotify always returns one for a code
        raise SpotifyUnavailableError
    kept = encrypted(tokens, tokens.refresh_token, require_spotify(deps).encryption)
    link = SpotifyLink(id=user_id, spotify_user_id=profile.spotify_user_id, linked_at=moment)
    link.link(profile, kept, tokens.scopes, moment)
    try:
        if await deps.spotify_links.find_one({"_id": user_id}) is None:
            await deps.spotify_links.add(link)
        else:
            await deps.spotify_links.update(user_id, lambda held: held.link(profile, kept, tokens.scopes, moment))
    except DuplicateError as error:
        raise SpotifyAccountConflictError from error


def _decoded(state: str) -> bytes:
    """Return the challenge in a state; an invalid one, which is unknown, for any other text."""
    try:
        return base64.urlsafe_b64decode(state.encode("ascii"))
    except ValueError:
        return b""
