"""Events of a service that belong to no aggregate: counts and errors, collected in memory and published in batches."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Generic, TypeVar

import structlog

from echo_common.aggregate import Aggregate
from echo_common.background_tasks import continue_after_errors, running_in_background
from echo_common.backoff import Backoff
from echo_common.contracts.event import DomainEvent
from echo_common.outbox.repository import Repository
from echo_common.store.port import DuplicateError

FLUSH_SECONDS: Final = 5.0
"""Time between two publications of collected events."""

_FAILURE_BACKOFF: Final = Backoff(1.0, 30.0)

E = TypeVar("E", bound=DomainEvent)


class EventBatch(Aggregate):
    """Events that are published together. It has no state and is removed once they are published."""

    @classmethod
    def of(cls, events: Sequence[DomainEvent]) -> "EventBatch":
        """Return the batch of these events, which has the same id whenever it is built of them."""
        batch = cls(id=events[0].event_id)
        for event in events:
            batch.record(event)
        batch.erase()
        return batch


class EventBatches(Repository[EventBatch]):
    """The outbox of events without an aggregate."""

    aggregate = EventBatch
    name = "event_batches"

    async def publish(self, events: Sequence[DomainEvent]) -> None:
        """Write the events to the outbox in one write; the relay publishes them.

        After a failure, call this again with the same events: consumers handle each of them once. Raises
        `StoreUnavailableError`.
        """
        with suppress(DuplicateError):  # an earlier call wrote them, although it failed
            await self.add(EventBatch.of(events))


class CollectedEvents(Generic[E]):
    """Publication of events that a process collects in memory, every few seconds and at its end.

    What was collected since the last publication is lost in a crash; after a failure to write, the same events are written again.

    Args:
        batches: The outbox.
        collect: Function that returns the collected events and forgets them.
        name: The name in log lines.
    """

    def __init__(self, batches: EventBatches, collect: Callable[[], Sequence[E]], name: str) -> None:
        self._batches = batches
        self._collect = collect
        self._unsent: Sequence[E] = ()
        self._flushing = asyncio.Lock()
        self._early = asyncio.Event()
        self._log = structlog.get_logger("echo.events").bind(events=name)

    def flush_soon(self) -> None:
        """Publish without a wait, because much is collected."""
        self._early.set()

    async def flush(self) -> None:
        """Publish the collected events. Raises `StoreUnavailableError`; the next call then publishes them first."""
        async with self._flushing:
            await self._publish_unsent()
            self._unsent = self._collect()  # once: what is collected from now on belongs to the next publication
            await self._publish_unsent()

    def replace_unsent(self, replace: Callable[[E], E]) -> None:
        """Replace events that could not be published yet; their ids must stay."""
        self._unsent = [replace(event) for event in self._unsent]

    @asynccontextmanager
    async def publishing(self, every: float = FLUSH_SECONDS) -> AsyncIterator[None]:
        """Publish every few seconds while the context lasts, and on exit."""
        try:
            async with running_in_background(self._publish_regularly(every)):
                yield
        finally:
            await self._try_to_flush()

    async def _publish_unsent(self) -> None:
        if self._unsent:
            await self._batches.publish(self._unsent)
            self._unsent = ()

    async def _publish_regularly(self, every: float) -> None:
        failures = 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(every):
                    await self._early.wait()
            self._early.clear()
            failures = 0 if await self._try_to_flush() else failures + 1
            if failures:
                await asyncio.sleep(_FAILURE_BACKOFF.delay(failures))  # an early publication would fail, too

    async def _try_to_flush(self) -> bool:
        with continue_after_errors(self._log, "event_publication"):
            await self.flush()
            return True
        return False
