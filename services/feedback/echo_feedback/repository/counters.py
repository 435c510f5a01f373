"""Counters that each event changes once, however often it is delivered."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from echo_common.batches import Batches
from echo_common.clock import now
from echo_common.outbox.repository import StaleError
from echo_common.store.port import Collection, Document, DuplicateError, Index, Sort, Store

APPLIED: Final = "applied"
PERIOD: Final = "period"

_ATTEMPTS: Final = 20
_PRUNED_FROM: Final = 256
_PRUNED_EVERY_SECONDS: Final = 60.0
_MARKED_BEFORE: Final = timedelta(minutes=5)
_REDELIVERED_WITHIN: Final = timedelta(days=16)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a counter by an event: amounts to add, and values of which the latest counts.

    An event that changes a counter several times has ids with a suffix, `evt_…/suffix`.
    """

    event_id: str
    amounts: Mapping[str, int]
    latest: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None


class Counters:
    """Counters in one collection, a document each, which holds the ids of the events that it contains.

    An event and its id are one conditional write, so an event counts once, also if it is delivered twice, late, in any order, to
    several replicas, or again after a crash. The ids would grow without end: those that the inbox has held for minutes are
    removed, because their events are not handled again. Handlers that call `apply` therefore use the inbox. In this process,
    changes of one counter that wait for a running write share the next one.
    """

    def __init__(self, store: Store, name: str, indexes: Sequence[Index] = ()) -> None:
        self._documents: Collection = store.collection(name)
        self._inbox: Collection = store.collection("inbox")
        self._indexes = indexes
        self._batches = Batches[str, tuple[Document, Change]](self._write)
        self._pruned: dict[str, float] = {}

    async def prepare(self) -> None:
        """Create the collection and its indexes; call once at start."""
        await self._documents.ensure([Index([(PERIOD, 1)]), *self._indexes])

    async def close(self) -> None:
        """Wait for running writes."""
        await self._batches.finish()

    async def apply(self, key: str, identity: Document, change: Change) -> None:
        """Change a counter once by an event.

        Args:
            key: The id of the counter.
            identity: The fields of a new counter; `period` is the time that it counts.
            change: The change.

        Raises:
            StoreUnavailableError: The change may or may not have been applied; a repeat has no further effect.
            StaleError: Other replicas were faster 20 times in a row.
        """
        await self._batches.add(key, (identity, change))

    async def find(
        self, where: Mapping[str, Any], *, fields: Sequence[str], sort: Sort = (), skip: int = 0, limit: int = 0
    ) -> AsyncGenerator[Document, None]:
        """Yield the counters that match; `limit=0` means all."""
        async for document in self._documents.find(where, sort=sort, skip=skip, limit=limit, fields=fields):
            yield document

    async def count(self, where: Mapping[str, Any]) -> int:
        """Return the number of counters that match."""
        return await self._documents.count(where)

    async def delete(self, where: Mapping[str, Any]) -> int:
        """Delete the counters that match; return their number."""
        return await self._documents.delete(where)

    async def forget_events(self, moment: datetime | None = None) -> None:
        """Remove the ids of the events of old counters, which are delivered no more."""
        old = {PERIOD: {"$lt": (moment or now()) - _REDELIVERED_WITHIN}, APPLIED: {"$exists": True}}
        await self._documents.update_many(old, {"$unset": {APPLIED: ""}})

    async def _write(self, key: str, changes: Sequence[tuple[Document, Change]]) -> None:
        identity = changes[0][0]
        for attempt in range(1, _ATTEMPTS + 1):
            found = await self._documents.find_one({"_id": key})
            document = found or {"_id": key, **identity, "version": 0, "counts": {}, APPLIED: []}
            applied = set(document.get(APPLIED, ()))
            new = {change.event_id: change for _, change in changes if change.event_id not in applied}
            if not new:
                return
            fields = _changed(document, list(new.values()))
            fields[APPLIED] = [*await self._kept(key, document.get(APPLIED, ())), *new]
            try:
                if found is None:
                    await self._documents.insert({**document, **fields})
                    return
                if await self._documents.update_one({"_id": key, "version": document["version"]}, {"$set": fields}):
                    return
            except DuplicateError:
                pass
            await asyncio.sleep(random.uniform(0, 0.005 * attempt))  # noqa: S311
        raise StaleError

    async def _kept(self, key: str, applied: Sequence[str]) -> Sequence[str]:
        """Return the ids without those of events that are not handled again."""
        moment = time.monotonic()
        if len(applied) < _PRUNED_FROM or moment - self._pruned.get(key, float("-inf")) < _PRUNED_EVERY_SECONDS:
            return applied
        self._pruned = {pruned: at for pruned, at in self._pruned.items() if moment - at < _PRUNED_EVERY_SECONDS} | {
            key: moment
        }
        where = {"_id": {"$in": [_event_of(key) for key in applied]}, "handled_at": {"$lt": now() - _MARKED_BEFORE}}
        handled = {str(document["_id"]) async for document in self._inbox.find(where, fields=["handled_at"])}
        return [key for key in applied if _event_of(key) not in handled]


def _event_of(key: str) -> str:
    return key.partition("/")[0]


def _changed(document: Document, changes: Sequence[Change]) -> Document:
    """Return the fields of a counter after changes."""
    counts = dict(document["counts"])
    fields: Document = {"counts": counts, "version": document["version"] + 1}
    for change in changes:
        for name, amount in change.amounts.items():
            counts[name] = counts.get(name, 0) + amount
        last = fields.get("last_at", document.get("last_at"))
        if change.latest and change.at is not None and (last is None or change.at >= last):
            fields |= {**change.latest, "last_at": change.at}
    return fields
