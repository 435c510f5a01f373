"""A service's records of messages: handled events (inbox) and messages it could not handle (dead letters).

Both are stored in the service's own database, so they are the same for every broker and survive the loss of the broker's disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from echo_common.bus.port import Message
from echo_common.clock import now
from echo_common.errors import NotFoundError
from echo_common.store.port import Document, DuplicateError, Index, Store

DAY = 24 * 3600


class DeadLetterNotFoundError(NotFoundError):
    """There is no such dead letter."""

    code = "DEAD_LETTER_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that `service` could not handle. `attempts` counts deliveries, `died_at` is UTC."""

    service: str
    message: Message
    error: str
    attempts: int
    died_at: datetime

    @property
    def id(self) -> str:
        """The message's id: storing a message twice keeps one dead letter."""
        return self.message.id

    @property
    def topic(self) -> str:
        """The message's topic."""
        return self.message.topic


class Inbox(Protocol):
    """Ids of handled events, kept for days (longer than any redelivery). Raises `StoreUnavailableError`."""

    async def seen(self, event_id: str) -> bool:
        """Return whether the event has been handled."""

    async def mark(self, event_id: str) -> None:
        """Mark the event as handled; a second call has no effect."""


class DeadLetters(Protocol):
    """Messages that a service could not handle, kept until replayed or removed. Raises `StoreUnavailableError`."""

    async def add(self, letter: DeadLetter) -> None:
        """Store a dead letter; replaces one with the same id."""

    async def list(self, *, topic: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """Return dead letters, newest first."""

    async def get(self, letter_id: str) -> DeadLetter:
        """Return a dead letter. Raises `DeadLetterNotFoundError`."""

    async def remove(self, letter_id: str) -> None:
        """Remove a dead letter; no error when it does not exist."""


class StoreInbox:
    """An inbox in the collection `inbox`. `keep_days` must exceed the time in which a message may be redelivered or replayed."""

    def __init__(self, store: Store, *, keep_days: float = 14) -> None:
        self._handled = store.collection("inbox")
        self._ttl = int(keep_days * DAY)

    async def prepare(self) -> None:
        """Create the collection and its indexes; called once at start."""
        await self._handled.ensure([Index([("handled_at", 1)], ttl=self._ttl)])

    async def seen(self, event_id: str) -> bool:  # noqa: D102
        return await self._handled.find_one({"_id": event_id}) is not None

    async def mark(self, event_id: str) -> None:  # noqa: D102
        try:
            await self._handled.insert({"_id": event_id, "handled_at": now()})
        except DuplicateError:
            return


class StoreDeadLetters:
    """Dead letters in the collection `dead_letters`."""

    def __init__(self, store: Store) -> None:
        self._letters = store.collection("dead_letters")

    async def prepare(self) -> None:
        """Create the collection and its indexes; called once at start."""
        await self._letters.ensure([Index([("died_at", -1)]), Index([("topic", 1), ("died_at", -1)])])

    async def add(self, letter: DeadLetter) -> None:  # noqa: D102
        document = _to_document(letter)
        key = {"_id": document.pop("_id")}
        try:
            await self._letters.upsert(key, {"$set": document})
        except DuplicateError:  # another replica has just stored the same message
            return

    async def list(self, *, topic: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:  # noqa: D102
        where = {} if topic is None else {"topic": topic}
        return [_from_document(found) async for found in self._letters.find(where, sort=[("died_at", -1)], limit=limit)]

    async def get(self, letter_id: str) -> DeadLetter:  # noqa: D102
        found = await self._letters.find_one({"_id": letter_id})
        if found is None:
            raise DeadLetterNotFoundError
        return _from_document(found)

    async def remove(self, letter_id: str) -> None:  # noqa: D102
        await self._letters.delete({"_id": letter_id})


def _to_document(letter: DeadLetter) -> Document:
    message = letter.message
    return {
        "_id": letter.id,
        "service": letter.service,
        "topic": message.topic,
        "event_version": message.version,
        "body": message.body,
        "transient": message.transient,
        # A list, because a header's name may contain characters that databases refuse in field names.
        "headers": [[name, value] for name, value in message.headers.items()],
        "error": letter.error,
        "attempts": letter.attempts,
        "died_at": letter.died_at,
    }


def _from_document(document: Document) -> DeadLetter:
    message = Message(
        id=document["_id"],
        topic=document["topic"],
        version=document["event_version"],
        body=bytes(document["body"]),
        transient=document["transient"],
        headers={name: value for name, value in document["headers"]},  # noqa: C416  (pairs are lists)
    )
    return DeadLetter(document["service"], message, document["error"], document["attempts"], document["died_at"])
