"""Entries of the error log."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from echo_common.contracts.error_logged import ErrorLogged


@dataclass(frozen=True, slots=True)
class LoggedError:
    """An entry of the error log; its id is derived from its event."""

    id: str
    service: str
    error_type: str
    error_message: str
    stack_trace: str | None
    source: str
    subject: str | None
    trace_id: str | None
    request_id: str | None
    count: int
    timestamp: datetime
    last_at: datetime

    @classmethod
    def of(cls, event: ErrorLogged) -> "LoggedError":
        """Return the entry of an event."""
        fields = event.model_dump(include=set(cls.__slots__))
        identifier = f"err_{event.event_id.rpartition('_')[2]}"
        return cls(id=identifier, service=event.topic.partition(".")[0], timestamp=event.occurred_at, **fields)

    def document(self) -> dict[str, Any]:
        """Return the entry in the store's form."""
        fields = asdict(self)
        return {"_id": fields.pop("id"), **fields}

    @classmethod
    def stored(cls, document: dict[str, Any]) -> "LoggedError":
        """Return a stored entry."""
        fields: dict[str, Any] = {name: document.get(name) for name in cls.__slots__ if name != "id"}
        return cls(id=document["_id"], **fields)
