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


class RecommendationView(BaseModel):
    """A recommended track."""

    track: TrackView
    score: float = Field(description="0 to 1; comparable within a response.")
    reason: ReasonView


class SimilarTrackView(BaseModel):
    """A similar track."""

    track: TrackView
    similarity: float = Field(description="0 to 1.")
    reason: ReasonView
