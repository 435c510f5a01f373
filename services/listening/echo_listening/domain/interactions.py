"""Interactions: plays, skips, likes and other actions of users with tracks."""

from datetime import datetime
from typing import Final

from pydantic import Field

from echo_common.aggregate import Aggregate
from echo_common.clock import now
from echo_common.contracts.events.listening import InteractionRecorded
from echo_common.contracts.http.interactions import InteractionRequest
from echo_common.contracts.values import InteractionType
from echo_common.ids import new_id

INTERACTION_PREFIX: Final = "interaction"


class Interaction(Aggregate):
    """An action of a user with a track, which never changes."""

    user_id: str
    track_id: str
    type: InteractionType
    position: float | None = None
    playlist_id: str | None = None
    session_id: str | None = None
    timestamp: datetime = Field(default_factory=now)

    @classmethod
    def create(cls, user_id: str, request: InteractionRequest) -> "Interaction":
        """Create the interaction of a request."""
        interaction = cls(id=new_id(INTERACTION_PREFIX), user_id=user_id, **request.model_dump())
        interaction.record(InteractionRecorded(user_id=user_id, track_id=interaction.track_id, type=interaction.type))
        return interaction
