"""Outbox relay: publishes the entries of outboxes, with confirmation, then removes them."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from tenacity import retry, retry_if_exception_type

from echo_common.background_tasks import BackgroundTasks
from echo_common.backoff import Backoff
from echo_common.bus.port import Bus, BusUnavailableError, Message
from echo_common.clock import now
from echo_common.contracts.error_logged import is_error_topic
from echo_common.error_reports import ErrorReports
from echo_common.errors import ServiceUnavailableError
from echo_common.faults import FaultPoints
from echo_common.outbox.backlog import OutboxBacklog, measure_backlog
from echo_common.outbox.documents import NOT_ERASED, OUTBOX, OUTBOX_AT, TOMBSTONE, from_entry, holds_only
from echo_common.store.port import Collection, Filter

log = structlog.get_logger(__name__)

Key = tuple[str, str]
"""Collection and id of an aggregate."""

_PUBLISHING_BACKOFF = Backoff(0.2, 5.0, jitter=(0.8, 1.2))
_REMOVAL_BACKOFF = Backoff(0.1, 5.0)
BATCH_SIZE = 32
"""Number of aggregates whose events are published in one call of the bus."""

_REMOVALS = 256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Pending:
    messages: list[Message]
    erased: bool


_Taken = tuple[Key, _Pending]
"""An aggregate whose events are being published or removed, and these events."""


class Relay:
    """Publisher of the events in the outboxes of its watched repositories.

    Repositories submit newly written events. A sweep, every `sweep_every` s, finds events that were not submitted here (after
    the crash of another replica, or when this one fell behind) once they are `leftover_after` s old. An aggregate's events are
    published in the order they were recorded; events of up to `window` aggregates are published at once, while those of as many
    others are being removed. While the bus is down, or more than `backlog` events are pending, submitted events are discarded
    and all are read from the database afterwards: memory stays bounded.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        window: int = 512,
        batch_size: int = BATCH_SIZE,
        backlog: int = 10_000,
        sweep_every: float = 1.0,
        leftover_after: float = 5.0,
        faults: FaultPoints | None = None,
        errors: ErrorReports | None = None,
    ) -> None:
        self._bus = bus
        self._errors = errors
        self._window = window
        self._batch_size = batch_size
        self._backlog = backlog
        self._sweep_every = sweep_every
        self._leftover_after = timedelta(seconds=leftover_after)
        self._faults = faults or FaultPoints()
        self._collections: dict[str, Collection] = {}
        self._queued: dict[Key, _Pending] = {}
        self._waiting = 0
        self._ready: deque[Key] = deque()
        self._taken: dict[Key, _Pending] = {}
        self._publishing = 0
        self._missed: set[Key] = set()
        self._sweeping = False
        self._deferred: list[_Taken] = []
        self._published: deque[tuple[Key, _Pending]] = deque()
        self._wake = asyncio.Event()
        self._removable = asyncio.Event()
        self._behind = False
        self._next_sweep = 0.0
        self._not_before = 0.0
        self._failures = 0
        self._tasks = BackgroundTasks()

    def watch(self, collection: Collection) -> None:
        """Sweep this collection too; events left in it by an earlier process are published at once."""
        self._collections[collection.name] = collection
        self._behind = True
        self._next_sweep = 0.0
        self._wake.set()

    async def measure_backlog(self) -> OutboxBacklog:
        """Measure the unpublished events in the database. Raises `StoreUnavailableError`."""
        return await measure_backlog(list(self._collections.values()))

    async def start(self) -> None:
        """Start publishing."""
        self._tasks.start(self._publish_queued())
        self._tasks.start(self._remove_published())

    async def submit(self, collection: str, key: str, messages: Sequence[Message], *, erased: bool) -> None:
        """Publish entries just written to an aggregate's outbox. Never waits, never fails."""
        await self._faults.reach("relay.after_save_before_publish")
        if self._waiting + len(messages) > self._backlog and not self._behind:
            self._fall_behind()
        self._accept((collection, key), _Pending(list(messages), erased))

    def _accept(self, key: Key, pending: _Pending) -> None:
        if self._behind or key in self._missed:
            self._miss(key)
        elif self._sweeping:  # what the sweep reads comes first
            self._deferred.append((key, pending))
            self._waiting += len(pending.messages)
        else:
            self._enqueue(key, pending)
            self._wake.set()

    async def close(self, *, timeout: float = 3) -> None:
        """Publish the remaining events, for `timeout` s at most; the others stay in the database."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._tasks.running and self._failures == 0 and (self._deferred or self._queued or self._taken):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        await self._tasks.close()

    def _enqueue(self, key: Key, pending: _Pending, *, first: bool = False) -> None:
        """Queue new entries, behind or before those of the same aggregate."""
        queued, taken = self._queued.get(key), self._taken.get(key)
        if queued and first:  # the outbox has the order
            ids = {message.id for message in pending.messages}
            merged = pending.messages + [message for message in queued.messages if message.id not in ids]
            self._waiting += len(merged) - len(queued.messages)
            queued.messages = merged
            queued.erased |= pending.erased
            return
        known = {message.id for found in (queued, taken) if found for message in found.messages}
        new = [message for message in pending.messages if message.id not in known]
        if queued:
            queued.messages += new
            queued.erased |= pending.erased
        elif taken is None or new or (pending.erased and not taken.erased):
            self._queued[key] = _Pending(new, pending.erased)
            if taken is None:
                self._ready.append(key)
        self._waiting += len(new)

    def _miss(self, key: Key) -> None:
        """Read the outboxes again after this aggregate's publication: its outbox holds an entry that was not queued."""
        if self._sweeping or key in self._taken or key in self._queued:
            self._missed.add(key)

    def _fall_behind(self) -> None:
        """Discard the queue; its events are read from the database later."""
        self._behind = True
        self._missed |= self._queued.keys() | {key for key, _ in self._deferred}
        if not self._sweeping:
            self._missed &= self._taken.keys()
        self._deferred.clear()
        self._queued.clear()
        self._ready.clear()
        self._waiting = 0

    async def _publish_queued(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(self._not_before - clock())
            self._take()
            may_sweep = not self._ready and self._capacity > 0
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._next_sweep if may_sweep else None):
                    await self._wake.wait()
            self._wake.clear()
            if may_sweep and clock() >= max(self._next_sweep, self._not_before):
                await self._sweep()

    @property
    def _capacity(self) -> int:
        """Number of aggregates that may be taken now."""
        return min(self._window - self._publishing, 2 * self._window - len(self._taken))

    def _take(self) -> None:
        """Start publishing queued events, as far as the limits allow."""
        while self._ready and (capacity := self._capacity) > 0:
            # After a failure alone, so that an event that the bus refuses makes it repeat no others.
            batch_size = 1 if self._failures else self._batch_size
            keys = [self._ready.popleft() for _ in range(min(len(self._ready), capacity, batch_size))]
            batch = [(key, self._queued.pop(key)) for key in keys]
            self._waiting -= sum(len(pending.messages) for _, pending in batch)
            self._taken.update(batch)
            self._publishing += len(batch)
            self._tasks.start(self._publish(batch))

    async def _publish(self, batch: Sequence[_Taken]) -> None:
        try:
            await self._publish_batch(batch)
        finally:
            self._publishing -= len(batch)

    async def _publish_batch(self, batch: Sequence[_Taken]) -> None:
        try:
            if messages := [message for _, pending in batch for message in pending.messages]:
                await self._bus.publish(messages)
                self._failures = 0
                await self._faults.reach("relay.after_confirm_before_removal")
        except BusUnavailableError as error:
            self._back_off(error)
            self._missed.update(key for key, _ in batch)
            self._release(batch)
        except Exception as error:
            if len(batch) > 1:  # one that cannot be published must not block the others
                for taken in batch:
                    await self._publish_batch([taken])
                return
            (collection, key), pending = batch[0]
            log.exception("event_publish_failed", collection=collection, id=key)
            self._report("outbox_publication", error, pending.messages)
            self._release(batch)
        else:
            self._published.extend(batch)
            self._removable.set()

    def _back_off(self, error: BusUnavailableError) -> None:
        clock = asyncio.get_running_loop().time()
        if clock < self._not_before:  # one outage fails many publications
            return
        self._failures += 1
        pause = _PUBLISHING_BACKOFF.delay(self._failures)
        self._not_before = clock + pause
        self._next_sweep = 0.0
        self._fall_behind()
        log.warning("bus_unavailable", error=str(error), again_in=round(pause, 2))

    def _release(self, batch: Sequence[tuple[Key, _Pending]]) -> None:
        """Release aggregates, so that they can be taken again."""
        for key, _ in batch:
            del self._taken[key]
            if key in self._missed:
                self._missed.remove(key)
                self._behind, self._next_sweep = True, 0.0
                if queued := self._queued.pop(key, None):  # newer than what was missed
                    self._waiting -= len(queued.messages)
            elif key in self._queued:
                self._ready.append(key)
        self._wake.set()

    async def _sweep(self) -> None:
        """Queue events found in the database: all when behind, otherwise only old leftovers."""
        behind, self._behind = self._behind, False  # before reading: events written from now on are submitted
        oldest = {"$gt": _EPOCH} if behind else {"$lt": now() - self._leftover_after}
        more = False
        self._sweeping = True
        try:
            for collection in list(self._collections.values()):
                more |= await self._read(collection, {OUTBOX_AT: oldest})
        except ServiceUnavailableError as error:
            log.warning("outbox_read_failed", error=str(error))
            if behind:
                self._fall_behind()
            more = False
        except Exception as error:
            log.exception("outbox_read_failed")
            self._report("outbox_read", error)
            self._behind |= behind
        self._behind |= behind and more
        deferred, self._deferred = self._deferred, []
        self._waiting -= sum(len(pending.messages) for _, pending in deferred)
        self._sweeping = False
        for taken in deferred:
            self._accept(*taken)
        self._missed &= self._taken.keys() | self._queued.keys()
        self._next_sweep = asyncio.get_running_loop().time() + (0.02 if more else self._sweep_every)

    async def _read(self, collection: Collection, where: Filter) -> bool:
        """Queue the events found in a collection, and return whether there may be more."""
        # Nothing is taken meanwhile, so aggregates that are not taken now were not published before they are read.
        if taken := [key for name, key in self._taken if name == collection.name]:
            where = {**where, "_id": {"$nin": taken}}
        found = 0
        async for document in collection.find(where, sort=[(OUTBOX_AT, 1)], limit=self._window, fields=[OUTBOX, TOMBSTONE]):
            found += 1
            key = (collection.name, document["_id"])
            written = _Pending([from_entry(entry) for entry in document.get(OUTBOX, ())], TOMBSTONE in document)
            self._enqueue(key, written, first=True)  # it is older than events submitted meanwhile
        return found == self._window

    async def _remove_published(self) -> None:
        while True:
            await self._removable.wait()
            self._removable.clear()
            while self._published:
                batch = [self._published.popleft() for _ in range(min(len(self._published), _REMOVALS))]
                for name in {collection for (collection, _), _ in batch}:
                    mine = [(key, pending) for (collection, key), pending in batch if collection == name]
                    await self._remove(self._collections[name], mine)
                self._release(batch)

    async def _remove(self, collection: Collection, published: Sequence[tuple[str, _Pending]]) -> None:
        try:
            await _empty(collection, published)
        except Exception as error:
            log.exception("outbox_removal_failed", collection=collection.name)
            messages = [message for _, pending in published for message in pending.messages]
            self._report("outbox_removal", error, messages)

    def _report(self, subject: str, error: Exception, messages: Sequence[Message] = ()) -> None:
        """Report an error, unless it concerns only events that report errors: it would lead to the next one, without end."""
        if self._errors is not None and not (messages and all(is_error_topic(message.topic) for message in messages)):
            self._errors.report("background", subject, error)


@retry(retry=retry_if_exception_type(ServiceUnavailableError), wait=_REMOVAL_BACKOFF)
async def _empty(collection: Collection, published: Sequence[tuple[str, _Pending]]) -> None:
    """Remove published entries, of all outboxes in one statement; a tombstone is removed with its last entry."""
    entry_ids = [message.id for _, pending in published for message in pending.messages]
    those: Filter = {"_id": {"$in": [key for key, _ in published]}}
    emptied = await collection.update_many(
        {**those, **holds_only(entry_ids), **NOT_ERASED}, {"$unset": {OUTBOX: "", OUTBOX_AT: ""}}
    )
    if any(pending.erased for _, pending in published):
        emptied += await collection.delete({**those, **holds_only(entry_ids), TOMBSTONE: True})
    if emptied < len(published):
        # New entries were added to these outboxes meanwhile. A sweep finds an outbox that this leaves empty.
        published_entries = {"id": {"$in": entry_ids}}
        await collection.update_many(
            {**those, OUTBOX: {"$elemMatch": published_entries}},
            {"$pull": {OUTBOX: published_entries}, "$set": {OUTBOX_AT: now()}},  # the remaining entries are newer
        )
