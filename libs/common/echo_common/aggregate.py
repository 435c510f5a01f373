"""Aggregate base class: state, version, and recorded events that are not published yet."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from echo_common.clock import now
from echo_common.contracts.event import DomainEvent


class StoredState(dict[str, Any]):
    """State of an aggregate as last stored. All instances compare equal, so it does not affect equality of aggregates."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoredState)

    __hash__ = None


class Aggregate(BaseModel):
    """Base class of all aggregates that a repository stores. Pure: no I/O.

    `version` counts saves, starting at 1 with the first; 0 means never saved. Methods that change state `record` an event; the
    repository writes state, version and recorded events in one atomic write.
    """

    model_config = ConfigDict(extra="ignore")

    id: str
    version: int = 0
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    _pending: list[DomainEvent] = PrivateAttr(default_factory=list)
    _erased: bool = PrivateAttr(default=False)
    _stored_state: StoredState = PrivateAttr(default_factory=StoredState)

    def record(self, event: DomainEvent) -> None:
        """Record an event to be published once this aggregate is saved."""
        self._pending.append(event)

    def erase(self) -> None:
        """Mark the aggregate for deletion: the next save removes the state and still publishes the recorded events."""
        self._erased = True

    @property
    def erased(self) -> bool:
        """True if the next save deletes this aggregate."""
        return self._erased

    @property
    def pending(self) -> Sequence[DomainEvent]:
        """Recorded events, oldest first, that are not yet written to the database."""
        return tuple(self._pending)

    def clear_pending(self) -> None:
        """Discard the recorded events; the repository calls this once they are in the database."""
        self._pending.clear()

    @property
    def stored_state(self) -> Mapping[str, Any]:
        """State as the repository last read or wrote it, empty before that; the repository writes only differences to it."""
        return self._stored_state

    def set_stored_state(self, state: Mapping[str, Any]) -> None:
        """Set the stored state; the repository calls this with the current content of the database."""
        self._stored_state = StoredState(state)
