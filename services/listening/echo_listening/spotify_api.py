"""Port of Spotify: permission of a user, and the user's library there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from echo_common.errors import NotFoundError
from echo_listening.domain.spotify import SpotifyProfile, SpotifyTrack

T = TypeVar("T")


class SpotifyPlaylistNotFoundError(NotFoundError):
    """Spotify offers no such playlist; it offers those that the user owns or collaborates on, see GET /api/v1/spotify/playlists."""

    code = "SPOTIFY_PLAYLIST_NOT_FOUND"


class SpotifyTokenRefusedError(Exception):
    """Spotify refuses the token: it has expired, or the user has withdrawn the permission."""


@dataclass(frozen=True, slots=True)
class SpotifyTokens:
    """Tokens of a user. A response to a refresh may lack the refresh token: the former one stays valid then."""

    access_token: str
    refresh_token: str | None
    lasts: timedelta
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpotifyPlaylist:
    """A playlist at Spotify."""

    spotify_id: str
    name: str
    owner: str | None
    total: int | None
    cover_url: str | None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class SpotifyPage(Generic[T]):
    """Part of a list: `items` in order, None for those without usable metadata; `total` is the length of the whole list."""

    items: Sequence[T | None]
    total: int


class SpotifyApi(Protocol):
    """Spotify. All methods but `consent_url` raise `SpotifyUnavailableError`, also while Spotify limits the requests.

    Those with an access token raise `SpotifyTokenRefusedError`, and `SpotifyUserNotAllowedError` for a user whom an app in
    development mode does not have.
    """

    def consent_url(self, state: str, verifier: str) -> str:
        """Build the URL of the page on which a user permits access (authorization code with PKCE)."""

    async def tokens_of_code(self, code: str, verifier: str) -> SpotifyTokens:
        """Exchange an authorization code. Raises `SpotifyTokenRefusedError`."""

    async def refresh(self, refresh_token: str) -> SpotifyTokens:
        """Renew the access token. Raises `SpotifyTokenRefusedError` if the permission was withdrawn."""

    async def profile(self, access_token: str) -> SpotifyProfile:
        """Return the user's profile."""

    async def playlists(self, access_token: str, offset: int, limit: int) -> SpotifyPage[SpotifyPlaylist]:
        """Return a part of the user's playlists; `limit` is at most 50."""

    async def saved_tracks(self, access_token: str, offset: int, limit: int) -> SpotifyPage[SpotifyTrack]:
        """Return a part of the user's saved tracks; `limit` is at most 50."""

    async def track(self, access_token: str, spotify_id: str) -> SpotifyTrack:
        """Return the metadata of a track. Raises `SpotifyTrackNotFoundError`."""

    async def top_artists(self, access_token: str, offset: int, limit: int) -> SpotifyPage[str]:
        """Return the names of a part of the user's top artists; `limit` is at most 50."""

    async def playlist(self, access_token: str, spotify_id: str) -> SpotifyPlaylist:
        """Return a playlist. Raises `SpotifyPlaylistNotFoundError`, also for one that the user may not import."""

    async def playlist_items(self, access_token: str, spotify_id: str, offset: int, limit: int) -> SpotifyPage[SpotifyTrack]:
        """Return a part of a playlist's tracks; `limit` is at most 50. Raises `SpotifyPlaylistNotFoundError`."""

    async def create_playlist(self, access_token: str, name: str, description: str | None, public: bool) -> str:
        """Create an empty playlist of the user and return its id."""

    async def add_items(self, access_token: str, spotify_id: str, spotify_track_ids: Sequence[str]) -> None:
        """Add at most 100 tracks at the end of a playlist. Raises `SpotifyPlaylistNotFoundError`."""
