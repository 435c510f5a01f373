"""Dead letters of a service: the messages it could not handle, in its own database.

They are therefore the same for every broker and survive the loss of the broker's disk.
"""

from collections.abc import Sequence

from echo_common.bus.port import DeadLetter, DeadLetterNotFoundError, Message
from echo_common.store.port import Document, DuplicateError, Index, Store


class StoreDeadLetters:
    """Dead letters in the collection `dead_letters`."""

    def __init__(self, store: Store) -> None:
        self._letters = store.collection("dead_letters")

    async def prepare(self) -> None:
        """Create the collection and its indexes; called once at start."""
        await self._letters.ensure([Index([("died_at", -1)]), Index([("topic", 1), ("died_at", -1)])])

    async def add(self, dead_letter: DeadLetter) -> None:  # noqa: D102
        document = _to_document(dead_letter)
        key = {"_id": document.pop("_id")}
        try:
            await self._letters.upsert(key, {"$set": document})
        except DuplicateError:  # another replica has just stored the same message
            return

    async def list(self, *, topic: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:  # noqa: D102
        where = {} if topic is None else {"topic": topic}
        return [_from_document(found) async for found in self._letters.find(where, sort=[("died_at", -1)], limit=limit)]

    async def count(self) -> int:  # noqa: D102
        return await self._letters.count({})

    async def find_ids(self) -> set[str]:
        """Return the ids of the events that are dead letters."""
        return {str(found["_id"]) async for found in self._letters.find({}, fields=["died_at"])}

    async def get(self, letter_id: str) -> DeadLetter:  # noqa: D102
        found = await self._letters.find_one({"_id": letter_id})
        if found is None:
            raise DeadLetterNotFoundError
        return _from_document(found)

    async def remove(self, letter_id: str) -> None:  # noqa: D102
        await self._letters.delete({"_id": letter_id})


def _to_document(dead_letter: DeadLetter) -> Document:
    message = dead_letter.message
    return {
        "_id": dead_letter.id,
        "service": dead_letter.service,
        "topic": message.topic,
        "event_version": message.version,
        "body": message.body,
        "transient": message.transient,
        # A list, because a header's name may contain characters that databases refuse in field names.
        "headers": [[name, value] for name, value in message.headers.items()],
        "error": dead_letter.error,
        "attempts": dead_letter.attempts,
        "died_at": dead_letter.died_at,
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
