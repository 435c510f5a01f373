"""Conversion of aggregates to documents, and of events to outbox entries in their aggregate's document."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from echo_common.aggregate import Aggregate
from echo_common.bus.port import Message
from echo_common.store.port import Document, Filter

A = TypeVar("A", bound=Aggregate)

OUTBOX = "outbox"
OUTBOX_AT = "outbox_at"
TOMBSTONE = "tombstone"
"""Fields beside the state: pending entries, a time before which none of them was added, and a flag for an erased state."""

_PLAIN = frozenset({str, int, float, bool, bytes, datetime, type(None)})

NOT_ERASED: Filter = {TOMBSTONE: {"$exists": False}}


def to_document(aggregate: Aggregate) -> Document:
    """Return the state with `_id` and without `version`. Fields that are None are omitted, as unique indexes require."""
    state = {name: _to_bson(value) for name, value in aggregate.model_dump(exclude={"id", "version"}).items()}
    kept = {name: value for name, value in state.items() if value is not None or not _none_is_default(type(aggregate), name)}
    return {"_id": aggregate.id, **kept}


def from_document(aggregate: type[A], document: Mapping[str, Any]) -> A:
    """Return the aggregate in a document written by this or another version of the code."""
    absent = {name: None for name, field in aggregate.model_fields.items() if field.is_required()}
    return aggregate.model_validate({**absent, **document, "id": document["_id"]})


def to_entry(message: Message) -> Document:
    """Return the outbox entry of a message."""
    return {
        "id": message.id,
        "topic": message.topic,
        "version": message.version,
        "transient": message.transient,
        "body": _body_value(message.body),
        "headers": dict(message.headers),
    }


def from_entry(entry: Mapping[str, Any]) -> Message:
    """Return the message in an outbox entry."""
    body = entry["body"]
    return Message(**{**entry, "body": body.encode() if isinstance(body, str) else bytes(body)})


def _body_value(body: bytes) -> str | bytes:
    """Return a body as text where possible, as for all events: smaller than base64, and readable in the database."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def holds_only(entry_ids: Sequence[str]) -> Filter:
    """Return a filter for documents whose outbox holds no other entries than these."""
    return {OUTBOX: {"$not": {"$elemMatch": {"id": {"$nin": entry_ids}}}}}


def appended(messages: Iterable[Message]) -> Mapping[str, Any]:
    """Return the operand of `$push` that adds messages to an outbox."""
    return {OUTBOX: {"$each": [to_entry(message) for message in messages]}}


def _none_is_default(aggregate: type[Aggregate], name: str) -> bool:
    field = aggregate.model_fields.get(name)
    return field is not None and (field.is_required() or field.default is None)


def _to_bson(value: Any) -> Any:
    if type(value) in _PLAIN:  # most values are, and the checks below are slow
        return value
    if isinstance(value, Enum):
        return _to_bson(value.value)
    if isinstance(value, Mapping):
        return {_to_bson(key): _to_bson(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(_to_bson(item) for item in value)
    if isinstance(value, list | tuple):
        return [_to_bson(item) for item in value]
    return value
