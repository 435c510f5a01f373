"""Request and response bodies of tracks."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from echo_common.contracts.http.base import RequestBody, require_printable
from echo_common.contracts.values import AnalysisStatus, TrackSource

LONGEST_NAME = 200
"""Maximum length of names of tracks, albums and artists."""

LONGEST_GENRE = 50
MOST_ENTRIES = 20
"""Maximum number of artists, and of genres, of a track."""


def _distinct(entries: list[str]) -> list[str]:
    return list(dict.fromkeys(entries))


TrackText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME),
    AfterValidator(require_printable),
]
"""The name of a track, an album or an artist."""

Genre = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_GENRE, to_lower=True),
    AfterValidator(require_printable),
]
Artists = Annotated[list[TrackText], Field(max_length=MOST_ENTRIES), AfterValidator(_distinct)]
Genres = Annotated[list[Genre], Field(max_length=MOST_ENTRIES), AfterValidator(_distinct)]


class TrackPatch(RequestBody):
    """Changes of a track; absent fields stay unchanged."""

    name: TrackText | None = Field(None, description="Cannot be null.", examples=["Evening walk"])
    artists: Artists | None = Field(None, description="Names; null or an empty list removes them.")
    album: TrackText | None = Field(None, description="Null removes it.")
    genres: Genres | None = Field(None, description="In lower case; null or an empty list removes them.", examples=[["folk"]])

    @model_validator(mode="after")
    def _named(self) -> "TrackPatch":
        if "name" in self.model_fields_set and self.name is None:
            raise ValueError("The name cannot be null.")
        return self


class TrackView(BaseModel):
    """A recording that playlists can hold; missing metadata is null."""

    id: str
    source: TrackSource = Field(description="Generated speech, an upload, or metadata of Spotify.")
    name: str
    artists: list[str] = Field(description="Names; none for speech.")
    album: str | None
    genres: list[str]
    popularity: int | None = Field(description="0 to 100, of Spotify.")
    duration: float | None = Field(description="Seconds.")
    spotify_id: str | None
    cover_url: str | None
    audio_id: str | None = Field(description="The audio, for speech.")
    voice_id: str | None = Field(description="The voice, for speech.")
    audio_url: str | None = Field(description="Path of the bytes; null without audio.")
    features_status: AnalysisStatus = Field(description="Status of the audio features.")
    created_at: datetime
    updated_at: datetime
