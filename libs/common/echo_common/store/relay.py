"""The relay: publishes what waits in outboxes, with confirmation, then removes it."""

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from echo_common.bus.port import Bus, BusUnavailableError, Message
from echo_common.clock import now
from echo_common.errors import ServiceUnavailableError
from echo_common.faults import FaultPoints
from echo_common.store.documents import NOT_ERASED, OUTBOX, OUTBOX_AT, TOMBSTONE, from_entry, holds_only
from echo_common.store.port import Collection, Filter

log = structlog.get_logger(__name__)

Key = tuple[str, str]
"""Collection and id of an aggregate."""

_LONGEST_PAUSE = 5.0
_REMOVALS = 256
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Pending:
    messages: list[Message]
    erased: bool


class Relay:
    """Publishes the events of the repositories that were given it.

    Repositories nudge it with what they have just written. What nobody nudged for (another replica died, this one fell
    behind) a sweep finds, every `sweep_every` s, once it is `leftover_after` s old. An aggregate's events are published in
    the order they were recorded, those of up to `window` aggregates at once. While the bus is down, or more than `backlog`
    events wait, nudges are forgotten and everything is read from the database afterwards: memory stays bounded.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        window: int = 512,
        backlog: int = 10_000,
        sweep_every: float = 1.0,
        leftover_after: float = 5.0,
        faults: FaultPoints | None = None,
    ) -> None:
        self._bus = bus
        self._window = window
        self._backlog = backlog
        self._sweep_every = sweep_every
        self._leftover_after = timedelta(seconds=leftover_after)
        self._faults = faults or FaultPoints()
        self._collections: dict[str, Collection] = {}
        self._queued: dict[Key, _Pending] = {}
        self._waiting = 0
        self._ready: deque[Key] = deque()
        self._flying: dict[Key, asyncio.Task[None]] = {}
        self._published: deque[tuple[Key, _Pending]] = deque()
        self._wake = asyncio.Event()
        self._removable = asyncio.Event()
        self._behind = False
        self._next_sweep = 0.0
        self._not_before = 0.0
        self._failures = 0
        self._tasks: list[asyncio.Task[None]] = []

    def watch(self, collection: Collection) -> None:
        """Sweep this collection too, at once for what an earlier process has left in it."""
        self._collections[collection.name] = collection
        self._behind = True
        self._next_sweep = 0.0
        self._wake.set()

    async def start(self) -> None:
        """Begin to publish."""
        self._tasks = [asyncio.create_task(self._publish_queued()), asyncio.create_task(self._remove_published())]

    async def nudge(self, collection: str, key: str, messages: Sequence[Message], *, erased: bool) -> None:
        """Tell of entries that have just been written to an aggregate's outbox. Never waits, never fails."""
        await self._faults.reach("relay.after_save_before_publish")
        if self._behind:
            return
        if self._waiting + len(messages) > self._backlog:
            self._fall_behind()
            return
        self._enqueue((collection, key), _Pending(list(messages), erased))
        self._wake.set()

    async def close(self, *, timeout: float = 3) -> None:
        """Publish what is left, for `timeout` s at most; the rest waits in the database."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._tasks and self._failures == 0 and (self._queued or self._flying):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        running = [*self._tasks, *self._flying.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._tasks.clear()

    def _enqueue(self, key: Key, pending: _Pending) -> None:
        if queued := self._queued.get(key):
            queued.messages += pending.messages
            queued.erased |= pending.erased
        else:
            self._queued[key] = pending
            if key not in self._flying:
                self._ready.append(key)
        self._waiting += len(pending.messages)

    def _fall_behind(self) -> None:
        self._behind = True
        self._queued.clear()
        self._ready.clear()
        self._waiting = 0

    async def _publish_queued(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(self._not_before - clock())
            may_sweep = not self._queued and len(self._flying) < self._window
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._next_sweep if may_sweep else None):
                    await self._wake.wait()
            self._wake.clear()
            if may_sweep and clock() >= self._next_sweep:
                await self._sweep()
            if clock() >= self._not_before:
                self._take_off()

    def _take_off(self) -> None:
        while self._ready and len(self._flying) < self._window:
            key = self._ready.popleft()
            pending = self._queued.pop(key)
            self._waiting -= len(pending.messages)
            self._flying[key] = asyncio.create_task(self._fly(key, pending))

    async def _fly(self, key: Key, pending: _Pending) -> None:
        try:
            if pending.messages:
                await self._bus.publish(pending.messages)
                self._failures = 0
                await self._faults.reach("relay.after_confirm_before_removal")
        except BusUnavailableError as error:
            self._back_off(error)
            self._land(key)
        except Exception:
            log.exception("event_not_published", collection=key[0], id=key[1])
            self._land(key)
        else:
            self._published.append((key, pending))
            self._removable.set()

    def _back_off(self, error: BusUnavailableError) -> None:
        clock = asyncio.get_running_loop().time()
        if clock < self._not_before:  # one outage fails many flights
            return
        self._failures += 1
        pause = min(0.1 * 2 ** min(self._failures, 10), _LONGEST_PAUSE) * random.uniform(0.8, 1.2)  # noqa: S311
        self._not_before = clock + pause
        self._next_sweep = 0.0
        self._fall_behind()
        log.warning("bus_unavailable", error=str(error), again_in=round(pause, 2))

    def _land(self, key: Key) -> None:
        del self._flying[key]
        if key in self._queued:
            self._ready.append(key)
        self._wake.set()

    async def _sweep(self) -> None:
        """Queue what is found in the database: everything when behind, else what is old enough to be a leftover."""
        behind, self._behind = self._behind, False  # before reading: what is written from now on is nudged for
        oldest = {"$gt": _LONG_AGO} if behind else {"$lt": now() - self._leftover_after}
        # Nothing takes off meanwhile, so whoever is not flying now was not published before being read.
        flying = set(self._flying)
        more = False
        try:
            for collection in list(self._collections.values()):
                more |= await self._read(collection, {OUTBOX_AT: oldest}, flying, behind=behind)
        except ServiceUnavailableError as error:
            log.warning("outbox_not_read", error=str(error))
            if behind:
                self._fall_behind()
            more = False
        except Exception:
            log.exception("outbox_not_read")
            self._behind |= behind
        self._behind |= behind and more
        self._next_sweep = asyncio.get_running_loop().time() + (0.02 if more else self._sweep_every)

    async def _read(self, collection: Collection, where: Filter, flying: set[Key], *, behind: bool) -> bool:
        """Whether there is more to read than could be queued now."""
        # More than can be flying, so that slow flights hide nobody.
        limit = 2 * self._window
        found, skipped = 0, False
        async for document in collection.find(where, sort=[(OUTBOX_AT, 1)], limit=limit, fields=[OUTBOX, TOMBSTONE]):
            found += 1
            key = (collection.name, document["_id"])
            if key in flying:
                skipped = behind
                continue
            written = [from_entry(entry) for entry in document.get(OUTBOX, ())]
            queued = self._queued.get(key)
            if queued is None:
                self._enqueue(key, _Pending(written, TOMBSTONE in document))
                continue
            known = {message.id for message in written}
            merged = written + [message for message in queued.messages if message.id not in known]
            self._waiting += len(merged) - len(queued.messages)
            queued.messages = merged
            queued.erased |= TOMBSTONE in document
        return skipped or found == limit

    async def _remove_published(self) -> None:
        while True:
            await self._removable.wait()
            self._removable.clear()
            while self._published:
                batch = [self._published.popleft() for _ in range(min(len(self._published), _REMOVALS))]
                for name in {collection for (collection, _), _ in batch}:
                    mine = [(key, pending) for (collection, key), pending in batch if collection == name]
                    await self._remove(self._collections[name], mine)
                for key, _ in batch:
                    self._land(key)

    async def _remove(self, collection: Collection, published: Sequence[tuple[str, _Pending]]) -> None:
        pause = 0.1
        while True:
            try:
                await _empty(collection, published)
            except ServiceUnavailableError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except Exception:
                log.exception("outbox_not_emptied", collection=collection.name)
                return
            else:
                return


async def _empty(collection: Collection, published: Sequence[tuple[str, _Pending]]) -> None:
    """Remove published entries, of all outboxes in one statement; a tombstone goes with its last entry."""
    entry_ids = [message.id for _, pending in published for message in pending.messages]
    those: Filter = {"_id": {"$in": [key for key, _ in published]}}
    emptied = await collection.update_many(
        {**those, **holds_only(entry_ids), **NOT_ERASED}, {"$unset": {OUTBOX: "", OUTBOX_AT: ""}}
    )
    if any(pending.erased for _, pending in published):
        emptied += await collection.delete({**those, **holds_only(entry_ids), TOMBSTONE: True})
    if emptied < len(published):
        # Others came to these outboxes meanwhile. An outbox that this leaves empty is found by a sweep.
        published_entries = {"id": {"$in": entry_ids}}
        await collection.update_many(
            {**those, OUTBOX: {"$elemMatch": published_entries}}, {"$pull": {OUTBOX: published_entries}}
        )
