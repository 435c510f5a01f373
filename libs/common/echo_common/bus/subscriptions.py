"""Registration of event handlers."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

from echo_common.bus.delivery import Delivery, Handler, RetryPolicy
from echo_common.bus.port import DeadLetters, Inbox
from echo_common.contracts.event import DomainEvent
from echo_common.error_reports import ErrorReports
from echo_common.metrics import BusMetrics

E = TypeVar("E", bound=DomainEvent)
D = TypeVar("D")
Handle = Callable[[E, D], Awaitable[None]]


class Subscriptions(Generic[D]):
    """A service's event handlers. `D` is the type of their dependencies (stores, clients, settings)::

    subscriptions = Subscriptions[Deps]()


    @subscriptions.on(JobQueued)
    async def claim_job(event: JobQueued, deps: Deps) -> None: ...
    """

    def __init__(self) -> None:
        self._handles: dict[tuple[type[DomainEvent], bool], tuple[Callable[[Any, D], Awaitable[None]], bool, int]] = {}

    def on(
        self, event_type: type[E], *, every_replica: bool = False, idempotent: bool = False, concurrency: int = 16
    ) -> Callable[[Handle[E, D]], Handle[E, D]]:
        """Register a handler for an event.

        By default one replica of the service handles each event, and the inbox discards repeats. `every_replica` (implied by a
        transient event's class) delivers it to each connected replica, without retries. `idempotent` declares that running the
        handler twice has no effect (a conditional update): it saves the read and the write of the inbox. Raises `TypeError`
        when the event already has a handler of that kind: one handler per event.
        """
        transient = every_replica or event_type.transient

        def register(handle: Handle[E, D]) -> Handle[E, D]:
            if (event_type, transient) in self._handles:
                raise TypeError(f"{event_type.__qualname__} has a handler already")
            self._handles[event_type, transient] = (handle, idempotent, concurrency)
            return handle

        return register

    def durable_topics(self) -> list[str]:
        """Return the topics of the handlers that get every event once."""
        return sorted({event_type.topic for event_type, transient in self._handles if not transient})

    def bind(
        self,
        service: str,
        deps: D,
        inbox: Inbox,
        dead_letters: DeadLetters,
        *,
        policy: RetryPolicy | None = None,
        types: Mapping[tuple[str, int], type[DomainEvent]] | None = None,
        metrics: BusMetrics | None = None,
        errors: ErrorReports | None = None,
    ) -> Delivery:
        """Return the handlers with their dependencies; its `consumers()` are for a bus, its `replay()` for operators."""
        handlers = [
            Handler(event_type, partial(_call, handle, deps), transient, idempotent, concurrency)
            for (event_type, transient), (handle, idempotent, concurrency) in self._handles.items()
        ]
        return Delivery(service, handlers, inbox, dead_letters, policy=policy, types=types, metrics=metrics, errors=errors)


async def _call(handle: Callable[[Any, D], Awaitable[None]], deps: D, event: DomainEvent) -> None:
    await handle(event, deps)
