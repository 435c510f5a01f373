"""Response bodies of recommendations."""

from enum import StrEnum

from pydantic import BaseModel, Field

from echo_common.contracts.http.tracks import TrackView


class ReasonCode(StrEnum):
    """Reason for which a track is recommended."""

    STATED = "STATED"
    SIMILAR_TO_LIKED = "SIMILAR_TO_LIKED"
    SIMILAR_FEATURES = "SIMILAR_FEATURES"
    SAME_ARTIST = "SAME_ARTIST"
    SAME_GENRE = "SAME_GENRE"
    SAME_VOICE = "SAME_VOICE"
    LISTENED_TOGETHER = "LISTENED_TOGETHER"
    FEATURE_TARGET = "FEATURE_TARGET"
    POPULAR = "POPULAR"
    RECENT = "RECENT"


class ReasonView(BaseModel):
    """The main reason for which a track is recommended."""

    code: ReasonCode
    message: str
    track_id: str | None = Field(None, description="The liked or stated track.")
    artist: str | None = Field(None, description="The artist in common.")
    genre: str | None = Field(None, description="The genre in common.")
    voice_id: str | None = Field(None, description="The voice in common.")
    feature: str | None = Field(None, description="The audio feature that fits best.")


class SpotifyTrackView(BaseModel):
    """A track of Spotify that is not among the user's tracks."""

    spotify_id: str
    name: str
    artists: list[str]
    album: str | None
    popularity: int | None = Field(description="0 to 100.")
    duration: float | None = Field(description="Seconds.")
    cover_url: str | None


class RecommendationView(BaseModel):
    """A recommended track: one of the user's, or one of Spotify that several other users listen to."""

    track: TrackView | None = Field(description="The user's track; null of one of Spotify that the user does not have.")
    spotify_track: SpotifyTrackView | None = Field(None, description="The track of Spotify that the user does not have.")
    score: float = Field(description="0 to 1; comparable within a response.")
    reason: ReasonView


class SimilarTrackView(BaseModel):
    """A similar track: one of the user's, or one of Spotify that several other users listen to."""

    track: TrackView | None = Field(description="The user's track; null of one of Spotify that the user does not have.")
    spotify_track: SpotifyTrackView | None = Field(None, description="The track of Spotify that the user does not have.")
    similarity: float = Field(description="0 to 1.")
    reason: ReasonView
