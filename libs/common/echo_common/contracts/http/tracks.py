"""Response bodies of tracks."""

from datetime import datetime

from pydantic import BaseModel, Field

from echo_common.contracts.values import AnalysisStatus, TrackSource


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
