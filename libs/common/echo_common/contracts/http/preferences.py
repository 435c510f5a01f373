"""Request and response bodies of preferences."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.http.interactions import TrackIdText
from echo_common.contracts.http.tracks import Genre, TrackText

MAXIMUM_PREFERRED = 50


class FeatureTargets(RequestBody):
    """Preferred audio features; null where the user prefers no value."""

    danceability: float | None = Field(None, strict=True, ge=0, le=1, description="0 to 1.")
    energy: float | None = Field(None, strict=True, ge=0, le=1, description="0 to 1.")
    key: int | None = Field(None, strict=True, ge=0, le=11, description="Pitch class, 0 (C) to 11 (B).")
    mode: Literal[0, 1] | None = Field(None, description="0 minor, 1 major.")
    loudness: float | None = Field(None, strict=True, ge=-100, le=20, description="LUFS.")
    speechiness: float | None = Field(None, strict=True, ge=0, le=1, description="0 to 1.")
    acousticness: float | None = Field(None, strict=True, ge=0, le=1, description="0 to 1.")
    instrumentalness: float | None = Field(None, strict=True, ge=0, le=1, description="0 to 1.")
    liveness: float | None = Field(None, strict=True, ge=0, le=1, description="0 to 1.")
    valence: float | None = Field(None, strict=True, ge=0, le=1, description="0 to 1.")
    tempo: float | None = Field(None, strict=True, gt=0, le=400, description="Beats per minute.")


class PreferencesRequest(RequestBody):
    """Stated preferences; fields that are left out are no longer stated."""

    top_tracks: list[TrackIdText] = Field(
        [], max_length=MAXIMUM_PREFERRED, description="Track ids, most preferred first.", examples=[[]]
    )
    top_artists: list[TrackText] = Field(
        [], max_length=MAXIMUM_PREFERRED, description="Names of artists, most preferred first.", examples=[["Nina Simone"]]
    )
    genres: list[Genre] = Field(
        [], max_length=MAXIMUM_PREFERRED, description="Genres, most preferred first.", examples=[["jazz"]]
    )
    features: FeatureTargets = Field(default_factory=FeatureTargets, description="Preferred audio features.")


class PreferredItems(BaseModel):
    """Preferences of one origin."""

    top_tracks: list[str] = Field(description="Track ids, most preferred first.")
    top_artists: list[str]
    genres: list[str]
    features: FeatureTargets


class PreferencesView(PreferredItems):
    """A user's preferences: stated ones first, then those derived from interactions; and both apart."""

    user_id: str
    stated: PreferredItems
    derived: PreferredItems = Field(description="Derived from interactions, a few seconds after them.")
    last_updated: datetime | None = Field(description="Time of the latest change; null without preferences.")
