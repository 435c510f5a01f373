"""HTTP client of Spotify: with limits on time and size, without redirects. All replicas pause together after a 429."""

import base64
import json
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import aiohttp
from pydantic import BaseModel, ValidationError

from echo_common.clock import now
from echo_common.contracts.errors.spotify import (
    SpotifyTrackNotFoundError,
    SpotifyUnavailableError,
    SpotifyUserNotAllowedError,
)
from echo_common.errors import EchoError
from echo_listening.domain.spotify import SpotifyProfile, SpotifyTrack
from echo_listening.repository.spotify import SpotifyPause
from echo_listening.settings import ListeningSettings
from echo_listening.spotify import responses
from echo_listening.spotify_api import (
    SpotifyApi,
    SpotifyPage,
    SpotifyPlaylist,
    SpotifyPlaylistNotFoundError,
    SpotifyTokenRefusedError,
    SpotifyTokens,
)

CALLBACK_PATH: Final = "/api/v1/spotify/callback"
SCOPES: Final = (
    "playlist-read-private playlist-read-collaborative user-library-read user-top-read playlist-modify-private "
    "playlist-modify-public"
)

_SECONDS: Final = 10.0
_LONGEST_DESCRIPTION: Final = 300
_MAXIMUM_BYTES: Final = 4 * 1024**2
_DEFAULT_PAUSE_SECONDS: Final = 5
_LONGEST_PAUSE_SECONDS: Final = 24 * 3600

Refusals = Mapping[int, type[EchoError]]
"""Errors by the status of a refusal."""

_REFUSALS: Final[Refusals] = {403: SpotifyUserNotAllowedError}
_OF_PLAYLISTS: Final[Refusals] = {**_REFUSALS, 404: SpotifyPlaylistNotFoundError}
_OF_ITEMS: Final[Refusals] = dict.fromkeys((403, 404), SpotifyPlaylistNotFoundError)
"""Spotify returns the items of those playlists alone that the user owns or collaborates on."""

_OF_TRACKS: Final[Refusals] = {**_REFUSALS, **dict.fromkeys((400, 404), SpotifyTrackNotFoundError)}

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class SpotifyClient(SpotifyApi):
    """The client of the app with `client_id`, which is public: PKCE replaces a secret."""

    def __init__(
        self, settings: ListeningSettings, client_id: str, public_url: str, session: aiohttp.ClientSession, pause: SpotifyPause
    ) -> None:
        self._accounts = settings.spotify_accounts_url.rstrip("/")
        self._api = settings.spotify_api_url.rstrip("/")
        self._client_id = client_id
        self._callback = callback_url(public_url)
        self._session = session
        self._pause = pause

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: ListeningSettings, public_url: str, pause: SpotifyPause
    ) -> AsyncIterator["SpotifyClient | None"]:
        """Open the client; yields None if Spotify is not configured."""
        if settings.spotify_client_id is None:
            yield None
            return
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield cls(settings, settings.spotify_client_id, public_url, session, pause)

    def consent_url(self, state: str, verifier: str) -> str:
        """Build the URL of the page on which a user permits access (authorization code with PKCE)."""
        query = {
            "client_id": self._client_id,
            "response_type": "code",
            "redirect_uri": self._callback,
            "scope": SCOPES,
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return f"{self._accounts}/authorize?{urlencode(query)}"

    async def tokens_of_code(self, code: str, verifier: str) -> SpotifyTokens:
        """Exchange an authorization code."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._callback, "code_verifier": verifier}
        return await self._tokens(form)

    async def refresh(self, refresh_token: str) -> SpotifyTokens:
        """Renew the access token."""
        return await self._tokens({"grant_type": "refresh_token", "refresh_token": refresh_token})

    async def profile(self, access_token: str) -> SpotifyProfile:
        """Return the user's profile."""
        found = _parsed(responses.Profile, await self._get("/v1/me", access_token))
        return SpotifyProfile(spotify_user_id=found.id, display_name=found.display_name)

    async def playlists(self, access_token: str, offset: int, limit: int) -> SpotifyPage[SpotifyPlaylist]:
        """Return a part of the user's playlists."""
        return await self._page("/v1/me/playlists", access_token, offset, limit, _playlist)

    async def playlist(self, access_token: str, spotify_id: str) -> SpotifyPlaylist:
        """Return a playlist."""
        query = {"fields": "id,name,description,owner(display_name),images,items(total),tracks(total)"}
        path = f"/v1/playlists/{spotify_id}"
        found = _playlist(await self._get(path, access_token, query, _OF_PLAYLISTS))
        if found is None:
            raise SpotifyUnavailableError
        return found

    async def playlist_items(self, access_token: str, spotify_id: str, offset: int, limit: int) -> SpotifyPage[SpotifyTrack]:
        """Return a part of a playlist's tracks."""
        path = f"/v1/playlists/{spotify_id}/items"
        return await self._page(path, access_token, offset, limit, _track, _OF_ITEMS)

    async def create_playlist(self, access_token: str, name: str, description: str | None, public: bool) -> str:
        """Create an empty playlist of the user and return its id."""
        body = {"name": name, "description": (description or "")[:_LONGEST_DESCRIPTION], "public": public}
        found = await self._send("POST", "/v1/me/playlists", access_token, json=body)
        return _parsed(responses.Created, found).id

    async def add_items(self, access_token: str, spotify_id: str, spotify_track_ids: Sequence[str]) -> None:
        """Add tracks at the end of a playlist."""
        body = {"uris": [f"spotify:track:{each}" for each in spotify_track_ids]}
        path = f"/v1/playlists/{spotify_id}/items"
        await self._send("POST", path, access_token, _OF_ITEMS, json=body)

    async def saved_tracks(self, access_token: str, offset: int, limit: int) -> SpotifyPage[SpotifyTrack]:
        """Return a part of the user's saved tracks."""
        return await self._page("/v1/me/tracks", access_token, offset, limit, _track)

    async def track(self, access_token: str, spotify_id: str) -> SpotifyTrack:
        """Return the metadata of a track."""
        found = responses.track_of(await self._get(f"/v1/tracks/{spotify_id}", access_token, refusals=_OF_TRACKS))
        if found is None:
            raise SpotifyUnavailableError
        return found

    async def top_artists(self, access_token: str, offset: int, limit: int) -> SpotifyPage[str]:
        """Return the names of a part of the user's top artists."""
        return await self._page("/v1/me/top/artists", access_token, offset, limit, responses.artist_of)

    async def _page(
        self,
        path: str,
        access_token: str,
        offset: int,
        limit: int,
        read: Callable[[Mapping[str, Any]], T | None],
        refusals: Refusals = _REFUSALS,
    ) -> SpotifyPage[T]:
        query = {"offset": str(offset), "limit": str(limit)}
        page = _parsed(responses.Page, await self._get(path, access_token, query, refusals))
        return SpotifyPage([None if item is None else read(item) for item in page.items], page.total)

    async def _tokens(self, form: Mapping[str, str]) -> SpotifyTokens:
        status, body = await self._request("POST", f"{self._accounts}/api/token", data={**form, "client_id": self._client_id})
        if status in {400, 401}:  # invalid_grant; RFC 6749, section 5.2
            raise SpotifyTokenRefusedError
        found = _parsed(responses.Tokens, body if status == 200 else None)
        lasts = timedelta(seconds=found.expires_in)
        return SpotifyTokens(found.access_token, found.refresh_token, lasts, tuple(found.scope.split()))

    async def _get(
        self,
        path: str,
        access_token: str,
        query: Mapping[str, str] | None = None,
        refusals: Refusals = _REFUSALS,
    ) -> object:
        return await self._send("GET", path, access_token, refusals, params=query or {})

    async def _send(self, method: str, path: str, access_token: str, refusals: Refusals = _REFUSALS, **more: Any) -> object:
        """Send a request to the Web API. Raises the error of a refusal."""
        headers = {"Authorization": f"Bearer {access_token}"}
        status, body = await self._request(method, self._api + path, headers=headers, **more)
        if status == 401:
            raise SpotifyTokenRefusedError
        if status in refusals:
            raise refusals[status]
        if status not in {200, 201}:
            raise SpotifyUnavailableError
        return body

    async def _request(self, method: str, url: str, **more: Any) -> tuple[int, object]:
        """Send a request; return the status and the JSON body, None without one. Raises `SpotifyUnavailableError`."""
        if (remaining := await self._pause.remaining_seconds()) > 0:
            raise SpotifyUnavailableError(retry_after=math.ceil(remaining))
        raw = bytearray()
        try:
            async with self._session.request(method, url, allow_redirects=False, **more) as response:
                async for part in response.content.iter_chunked(65_536):
                    raw += part
                    if len(raw) > _MAXIMUM_BYTES:
                        raise SpotifyUnavailableError
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise SpotifyUnavailableError from error
        if response.status == 429:
            seconds = _pause_seconds(response.headers.get("Retry-After", ""))
            await self._pause.extend(now() + timedelta(seconds=seconds))
            raise SpotifyUnavailableError(retry_after=seconds)
        try:
            return response.status, json.loads(raw)
        except (ValueError, RecursionError):
            return response.status, None


def callback_url(public_url: str) -> str:
    """Return the URL to which Spotify sends browsers. It refuses `localhost`, but not the address of the same machine."""
    return public_url.replace("http://localhost", "http://127.0.0.1", 1) + CALLBACK_PATH


def _parsed(model: type[M], body: object) -> M:
    """Read a response. Raises `SpotifyUnavailableError` for an invalid one."""
    try:
        return model.model_validate(body)
    except ValidationError:  # not chained: it may quote a token
        raise SpotifyUnavailableError from None


def _track(item: Mapping[str, Any]) -> SpotifyTrack | None:
    return responses.track_of(item.get("item") or item.get("track"))


def _playlist(item: object) -> SpotifyPlaylist | None:
    found = responses.playlist_of(item)
    if found is None:
        return None
    owner = found.owner.display_name if found.owner else None
    return SpotifyPlaylist(found.id, found.name, owner, found.total, responses.cover_of(found.images), found.description)


def _pause_seconds(retry_after: str) -> int:
    """Return the seconds of a header `Retry-After`, within limits."""
    seconds = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else _DEFAULT_PAUSE_SECONDS
    return max(1, min(seconds, _LONGEST_PAUSE_SECONDS))
