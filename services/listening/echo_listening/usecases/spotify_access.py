"""Access to Spotify with a user's tokens, which one replica refreshes for all."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final, TypeVar

from echo_common.clock import now
from echo_common.contracts.errors.spotify import SpotifyNotConfiguredError, SpotifyNotLinkedError, SpotifyUnavailableError
from echo_common.encryption import DecryptionError, Encryption
from echo_common.errors import NotFoundError
from echo_common.outbox.repository import StaleError
from echo_listening.dependencies import Dependencies, Spotify
from echo_listening.domain.spotify import REFRESH_LASTS, EncryptedTokens, SpotifyLink
from echo_listening.spotify_api import SpotifyTokenRefusedError, SpotifyTokens

T = TypeVar("T")

_POLL_SECONDS: Final = 0.1
_LONGEST_WAIT: Final = REFRESH_LASTS + timedelta(seconds=5)


async def with_access(user_id: str, deps: Dependencies, request: Callable[[str], Awaitable[T]]) -> T:
    """Send a request with the user's access token; again with a new one if Spotify refuses it before its expiry.

    Raises `SpotifyNotConfiguredError`, `SpotifyNotLinkedError`, `SpotifyUnavailableError`, and the errors of the request.
    """
    if deps.spotify is None:
        raise SpotifyNotConfiguredError(retry_after=None)
    link = await _current_link(user_id, deps.spotify, deps)
    try:
        return await request(_access_token(link, deps.spotify))
    except SpotifyTokenRefusedError:
        refused = link.access_token or ""
        await _update(user_id, deps, lambda held: held.expire_access(refused))
    link = await _current_link(user_id, deps.spotify, deps)
    try:
        return await request(_access_token(link, deps.spotify))
    except SpotifyTokenRefusedError as error:
        raise SpotifyUnavailableError from error


def encrypted(tokens: SpotifyTokens, refresh_token: str, encryption: Encryption) -> EncryptedTokens:
    """Encrypt tokens for the database."""
    return EncryptedTokens(
        access_token=encryption.encrypt(tokens.access_token.encode()).decode(),
        refresh_token=encryption.encrypt(refresh_token.encode()).decode(),
        expiry=now() + tokens.lasts,
    )


async def _current_link(user_id: str, spotify: Spotify, deps: Dependencies) -> SpotifyLink:
    """Return the link with an access token that is valid; refresh it, or wait for the replica that does.

    Raises `SpotifyNotLinkedError`, `SpotifyUnavailableError`.
    """
    deadline = now() + _LONGEST_WAIT
    while now() < deadline:
        link = await deps.spotify_links.find_one({"_id": user_id})
        if link is None or link.refresh_token is None:
            raise SpotifyNotLinkedError
        if not link.needs_refresh(now()):
            return link
        if not link.is_refreshing(now()):
            with suppress(StaleError, NotFoundError):
                link.start_refresh(now())
                await deps.spotify_links.save(link)
                return await _refresh(link, link.refresh_token, spotify, deps)
        await asyncio.sleep(_POLL_SECONDS)
    raise SpotifyUnavailableError


async def _refresh(link: SpotifyLink, held_token: str, spotify: Spotify, deps: Dependencies) -> SpotifyLink:
    """Refresh the tokens of a link. Raises `SpotifyNotLinkedError` if Spotify refuses, `SpotifyUnavailableError`."""
    refresh_token = await _decrypted(link, held_token, spotify, deps)
    try:
        tokens = await spotify.api.refresh(refresh_token)
    except SpotifyTokenRefusedError as error:
        await _update(link.id, deps, lambda held: held.expire(held_token))
        raise SpotifyNotLinkedError from error
    except BaseException:
        await asyncio.shield(_update(link.id, deps, lambda held: held.finish_refresh(held_token, None)))
        raise
    kept = encrypted(tokens, tokens.refresh_token or refresh_token, spotify.encryption)
    return await deps.spotify_links.update(link.id, lambda held: held.finish_refresh(held_token, kept))


async def _decrypted(link: SpotifyLink, held_token: str, spotify: Spotify, deps: Dependencies) -> str:
    """Decrypt the refresh token. Raises `SpotifyNotLinkedError` if another secret encrypted it: the link has expired."""
    try:
        return spotify.encryption.decrypt(held_token.encode()).decode()
    except DecryptionError as error:
        await _update(link.id, deps, lambda held: held.expire(held_token))
        raise SpotifyNotLinkedError from error


def _access_token(link: SpotifyLink, spotify: Spotify) -> str:
    """Decrypt the access token; an empty one, which Spotify refuses, if another secret encrypted it."""
    try:
        return spotify.encryption.decrypt((link.access_token or "").encode()).decode()
    except DecryptionError as error:
        raise SpotifyTokenRefusedError from error


async def _update(user_id: str, deps: Dependencies, change: Callable[[SpotifyLink], object]) -> None:
    with suppress(NotFoundError):  # unlinked meanwhile
        await deps.spotify_links.update(user_id, change)
