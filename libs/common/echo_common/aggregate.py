"""An aggregate: state, its version, and the events it has recorded but not yet published."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from echo_common.clock import now
from echo_common.contracts.event import DomainEvent


class Kept(dict[str, Any]):
    """State as it lies in the database. Says nothing about what an aggregate is: two are equal whatever was read."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kept)

    __hash__ = None


class Aggregate(BaseModel):
    """Base of everything a repository keeps. Pure: no I/O.

    `version` counts saves, starting at 1 with the first; 0 means never saved. Methods that change state `record` what
    happened; the repository writes state, version and recorded events in one atomic write.
    """

    model_config = ConfigDict(extra="ignore")

    id: str
    version: int = 0
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    _pending: list[DomainEvent] = PrivateAttr(default_factory=list)
    _erased: bool = PrivateAttr(default=False)
    _kept: Kept = PrivateAttr(default_factory=Kept)

    def record(self, event: DomainEvent) -> None:
        """Remember a fact to be published once this aggregate is saved."""
        self._pending.append(event)

    def erase(self) -> None:
        """Mark for deletion: the next save removes the state and still publishes what was recorded."""
        self._erased = True

    @property
    def erased(self) -> bool:
        """Whether the next save deletes this aggregate."""
        return self._erased

    @property
    def pending(self) -> Sequence[DomainEvent]:
        """Recorded events, oldest first, not yet handed to the database."""
        return tuple(self._pending)

    def forget_pending(self) -> None:
        """Called by the repository after the events are safely in the database."""
        self._pending.clear()

    @property
    def kept(self) -> Mapping[str, Any]:
        """State as the repository last read or wrote it, empty before; it writes only what differs."""
        return self._kept

    def keep(self, state: Mapping[str, Any]) -> None:
        """Called by the repository with what the database holds now."""
        self._kept = Kept(state)
