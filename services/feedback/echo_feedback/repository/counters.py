"""Counters that each event changes once, however often it is delivered."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from echo_common.batches import Batches
from echo_common.outbox.conflicts import retry_conflicts
from echo_common.outbox.repository import StaleError
from echo_common.store.port import Collection, Document, DuplicateError, Index, Sort, Store
from echo_feedback.repository.applied_events import AppliedEvents

APPLIED: Final = "applied"
PERIOD: Final = "period"

MAXIMUM_APPLIED: Final = 200
"""Maximum number of changes in one write."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a counter by an event: amounts to add, and values of which the latest counts.

    Its id is that of the event. An event that makes several changes has ids with a suffix, `evt_…/suffix`.
    """

    change_id: str
    amounts: Mapping[str, int]
    latest: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None


class Counters:
    """Counters in one collection, a document each.

    A change counts once, also if its event is delivered twice, late, in any order, to several replicas, or again after a crash:
    one conditional write adds changes and names them in `applied`; the next write stores these in the collection of applied
    events first. A counter thus holds the ids of one write. In this process, changes of one counter that wait for a running
    write share the next one.
    """

    def __init__(self, store: Store, name: str, indexes: Sequence[Index] = ()) -> None:
        self._name = name
        self._documents: Collection = store.collection(name)
        self._applied = AppliedEvents(store)
        self._indexes = indexes
        self._batches = Batches[str, tuple[Document, Change]](self._write)

    async def prepare(self) -> None:
        """Create the collection and its indexes; call once at start."""
        await self._applied.prepare()
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
            StaleError, DuplicateError: Other replicas were faster 20 times in a row.
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

    async def _write(self, key: str, changes: Sequence[tuple[Document, Change]]) -> None:
        for first in range(0, len(changes), MAXIMUM_APPLIED):
            part = changes[first : first + MAXIMUM_APPLIED]
            await retry_conflicts(partial(self._write_part, key, part), StaleError, DuplicateError)

    async def _write_part(self, key: str, changes: Sequence[tuple[Document, Change]]) -> None:
        """Write changes to the version of a counter that is read first; no change that it lacks is stored as applied then."""
        found = await self._documents.find_one({"_id": key})
        document = found or {"_id": key, **changes[0][0], "version": 0, "counts": {}, APPLIED: []}
        latest = document.get(APPLIED, ())
        await self._applied.add(self._name, latest)  # before the next ones replace them
        wanted = {change.change_id: change for _, change in changes}
        applied = {*latest, *await self._applied.find(self._name, wanted)}
        new = {change_id: change for change_id, change in wanted.items() if change_id not in applied}
        if not new:
            return
        fields = _changed(document, list(new.values())) | {APPLIED: list(new)}
        if found is None:
            await self._documents.insert({**document, **fields})
        elif not await self._documents.update_one({"_id": key, "version": document["version"]}, {"$set": fields}):
            raise StaleError


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
