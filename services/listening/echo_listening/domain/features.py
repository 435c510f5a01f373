"""Audio features of a track: a value with the ranges of the published definitions."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

NO_KEY: Final = -1
"""The key of audio without one, such as speech, noise or silence."""


class TrackFeatures(BaseModel):
    """Features computed from a track's audio; docs/listening.md defines each. Null: not defined for this audio.

    Silence has no loudness, and audio without a beat no tempo. `analyser` names the definitions and their version, so that
    features of another version can be computed again. `analysed_seconds` is the length of the audio that was read, which may be a
    part of it.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    danceability: float | None = Field(None, ge=0, le=1)
    energy: float | None = Field(None, ge=0, le=1)
    key: int = Field(NO_KEY, ge=NO_KEY, le=11)
    mode: Literal[0, 1] | None = None
    loudness: float | None = Field(None, ge=-100, le=20)
    speechiness: float | None = Field(None, ge=0, le=1)
    acousticness: float | None = Field(None, ge=0, le=1)
    instrumentalness: float | None = Field(None, ge=0, le=1)
    liveness: float | None = Field(None, ge=0, le=1)
    valence: float | None = Field(None, ge=0, le=1)
    tempo: float | None = Field(None, gt=0, le=400)
    analysed_seconds: float = Field(0.0, ge=0)
    analyser: str = ""
