"""Response bodies of audio features."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from echo_common.contracts.values import AnalysisStatus


class FeaturesView(BaseModel):
    """The audio features of a track; null if one is not defined for its audio, or not known."""

    track_id: str
    status: AnalysisStatus = Field(description="`unavailable` and `failed` have a reason in `code` and `message`.")
    code: str | None = None
    message: str | None = None
    danceability: float | None = Field(description="0 to 1.")
    energy: float | None = Field(description="0 to 1.")
    key: int = Field(description="Pitch class, 0 (C) to 11 (B); -1 without a key.")
    mode: Literal[0, 1] | None = Field(description="0 minor, 1 major; null without a key.")
    loudness: float | None = Field(description="Integrated loudness in LUFS (ITU-R BS.1770-4); null for silence.")
    speechiness: float | None = Field(description="0 to 1.")
    acousticness: float | None = Field(description="0 to 1.")
    instrumentalness: float | None = Field(description="0 to 1.")
    liveness: float | None = Field(description="0 to 1.")
    valence: float | None = Field(description="0 to 1; null without key and tempo.")
    tempo: float | None = Field(description="Beats per minute; null without a beat.")
    analysed_seconds: float | None = Field(None, description="Length of the audio that was read.")
    analyser: str | None = Field(None, description="Version of the definitions.")
    updated_at: datetime
