"""Spotify's responses, as of 2026. Fields that an app in development mode does not get are optional."""

from html import unescape
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from echo_common.contracts.http.base import remove_unprintable
from echo_listening.domain.spotify import SpotifyTrack

_SPOTIFY_ID: Final = r"^[A-Za-z0-9]{22}$"
_LONGEST: Final = 200
_LONGEST_DESCRIPTION: Final = 2_000
_MOST_ARTISTS: Final = 20
_LONGEST_URL: Final = 500


def _text(value: object, longest: int = _LONGEST) -> object:
    """Return a text without control characters, shortened; None for an empty one."""
    return remove_unprintable(value).strip()[:longest].strip() or None if isinstance(value, str) else value


def _description(value: object) -> object:
    """Return a description, which Spotify escapes as HTML."""
    return _text(unescape(value), _LONGEST_DESCRIPTION) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_text)]


class Tokens(BaseModel):
    """Response of the token endpoint."""

    access_token: str = Field(min_length=1, max_length=4096)
    token_type: str
    expires_in: int = Field(gt=0, le=86_400)
    refresh_token: str | None = Field(None, min_length=1, max_length=4096)
    scope: str = ""


class Profile(BaseModel):
    """Response of `GET /v1/me`."""

    id: str = Field(min_length=1, max_length=255)
    display_name: Text | None = None


class Image(BaseModel):
    """A picture; Spotify lists the largest first."""

    url: str


class Artist(BaseModel):
    """An artist; names of artists of local files may be empty."""

    name: Text


class Album(BaseModel):
    """An album."""

    name: Text | None = None
    images: list[Image] | None = None


class Track(BaseModel):
    """A track; episodes of podcasts have another `type`, local files no id."""

    id: str = Field(pattern=_SPOTIFY_ID)
    type: str = Field("track", pattern="^track$")
    name: Text
    artists: list[Artist] = []
    album: Album | None = None
    popularity: int | None = Field(None, ge=0, le=100)
    duration_ms: int | None = Field(None, ge=0)


class Owner(BaseModel):
    """The owner of a playlist."""

    display_name: Text | None = None


class Playlist(BaseModel):
    """A playlist. `items` was named `tracks` before 2026, and still is for apps with an extended quota."""

    id: str = Field(pattern=_SPOTIFY_ID)
    name: Annotated[str, BeforeValidator(lambda value: _text(value) or "Playlist")]
    owner: Owner | None = None
    images: list[Image] | None = None
    items: dict[str, Any] | None = None
    tracks: dict[str, Any] | None = None
    description: Annotated[str | None, BeforeValidator(_description)] = None

    @property
    def total(self) -> int | None:
        """The number of items."""
        total = (self.items or self.tracks or {}).get("total")
        return total if isinstance(total, int) and total >= 0 else None


class Created(BaseModel):
    """A playlist that was created."""

    id: str = Field(pattern=_SPOTIFY_ID)


class Page(BaseModel):
    """A page of a list; items may be null."""

    items: list[dict[str, Any] | None]
    total: int = Field(ge=0, le=1_000_000)


def cover_of(images: list[Image] | None) -> str | None:
    """Return the URL of the first picture."""
    url = images[0].url if images else ""
    return url if url.startswith("https://") and len(url) <= _LONGEST_URL else None


def track_of(document: object) -> SpotifyTrack | None:
    """Return a track's metadata; None for local files, episodes and tracks that Spotify no longer has."""
    try:
        track = Track.model_validate(document)
    except ValidationError:
        return None
    album = track.album or Album()
    return SpotifyTrack(
        spotify_id=track.id,
        name=track.name,
        artists=tuple(artist.name for artist in track.artists[:_MOST_ARTISTS]),
        album=album.name,
        popularity=track.popularity,
        duration=None if track.duration_ms is None else track.duration_ms / 1000,
        cover_url=cover_of(album.images),
    )


def artist_of(document: object) -> str | None:
    """Return an artist's name, if there is one."""
    try:
        return Artist.model_validate(document).name
    except ValidationError:
        return None


def playlist_of(document: object) -> Playlist | None:
    """Return a playlist; None for one without an id."""
    try:
        return Playlist.model_validate(document)
    except ValidationError:
        return None
