"""Start of a service on a restored database: refused while incomplete; events of the backup are published once."""

from typing import Final

from echo_common.bus.port import Message
from echo_common.clock import now
from echo_common.errors import EchoError
from echo_common.outbox.documents import OUTBOX, OUTBOX_AT, TOMBSTONE, to_entry
from echo_common.outbox.relay import Relay
from echo_common.store.port import Document, Store

MARKS: Final = "restore"
"""Collection that holds a document while the database is being restored."""

EVENTS: Final = "restored_events"
"""Collection of events that were published, but not yet handled, when the backup was made."""

_INCOMPLETE: Final = "incomplete"


class RestoreIncompleteError(EchoError):
    """The restore of this database was not completed. Repeat `echoctl restore`, then start again."""


async def mark_incomplete(store: Store) -> None:
    """Refuse starts of the service until `mark_complete`; idempotent."""
    await store.collection(MARKS).upsert({"_id": _INCOMPLETE}, {"$set": {"started_at": now()}})


async def mark_complete(store: Store) -> None:
    """Permit starts of the service."""
    await store.collection(MARKS).delete({})


async def is_incomplete(store: Store) -> bool:
    """Return whether a restore of the database was begun and not completed."""
    return await store.collection(MARKS).find_one({"_id": _INCOMPLETE}) is not None


def event_document(message: Message) -> Document:
    """Return a document that holds nothing but an event to publish; the relay deletes it after that."""
    return {"_id": message.id, OUTBOX: [to_entry(message)], OUTBOX_AT: now(), TOMBSTONE: True}


async def resume(store: Store, relay: Relay) -> None:
    """Publish the events of a restored backup. Raises `RestoreIncompleteError`."""
    if await is_incomplete(store):
        raise RestoreIncompleteError
    events = store.collection(EVENTS)
    if await events.count({}):
        relay.watch(events)
