"""Request and response bodies of interactions."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.values import InteractionType

TrackIdText = Annotated[str, StringConstraints(pattern=r"^track_[0-9A-Z]{26}$")]
PlaylistIdText = Annotated[str, StringConstraints(pattern=r"^playlist_[0-9A-Z]{26}$")]
GroupSessionIdText = Annotated[str, StringConstraints(pattern=r"^session_[0-9A-Z]{26}$")]

_SECONDS_LIMIT = 10_000_000


class InteractionRequest(RequestBody):
    """An interaction with a track."""

    track_id: TrackIdText = Field(description="Track.", examples=["track_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA"])
    type: InteractionType = Field(description="Type; `unlike` takes back a `like` or a `dislike`.", examples=["complete"])
    position: float | None = Field(None, strict=True, ge=0, le=_SECONDS_LIMIT, description="Position in the track in seconds.")
    playlist_id: PlaylistIdText | None = Field(None, description="Playlist that was played or changed.")
    session_id: GroupSessionIdText | None = Field(None, description="Group session in which the track was played.")


class InteractionView(BaseModel):
    """An interaction of a user with a track."""

    id: str
    user_id: str
    track_id: str
    type: InteractionType
    position: float | None = Field(description="Seconds.")
    playlist_id: str | None
    session_id: str | None
    timestamp: datetime
