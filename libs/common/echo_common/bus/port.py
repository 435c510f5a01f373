"""Ports of the bus: confirmed publishing, delivery at least once, and the records of handled and unhandled messages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from echo_common.errors import NotFoundError, ServiceUnavailableError

DELIVERY_LIMIT = 20
"""Deliveries without an outcome before a message is considered fatal. Restarts under load cause far fewer."""


@dataclass(frozen=True, slots=True)
class Message:
    """A serialised event: JSON bytes and headers (trace context, `causation-id`).

    `attempt` is 1 on first delivery and counts redeliveries to one consumer.
    """

    id: str
    topic: str
    version: int
    body: bytes
    transient: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Done:
    """Outcome: no further delivery is needed."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Outcome: deliver again after at least `after` seconds, with `attempt` one higher."""

    after: float


Outcome = Done | Retry


@dataclass(frozen=True, slots=True)
class Consumer:
    """A subscription to topics. `deliver` never raises for a bad message: it returns an outcome.

    A durable consumer (`transient=False`) has one queue per (service, topic), shared by the service's replicas and kept while
    none runs. A transient one gets every message of its topics published while it is connected. `dead_letter` stores a durable
    message that ended `DELIVERY_LIMIT` deliveries without an outcome because it crashes the process that handles it. Without
    it, such a message is dropped, or kept in a separate queue where the broker supports it.
    """

    service: str
    topics: Sequence[str]
    deliver: Callable[[Message], Awaitable[Outcome]]
    transient: bool = False
    concurrency: int = 16
    dead_letter: Callable[[Message, str], Awaitable[Outcome]] | None = None


class BusUnavailableError(ServiceUnavailableError):
    """The message broker is not reachable right now; try again shortly."""


class Bus(Protocol):
    """Delivery of messages from publishers to consumers, at least once, in no particular order.

    Behaviour shared by all adapters (the suite in `tests/integration/bus` runs on each):

    - a message is delivered to every durable consumer of its topic that was ever started, and to every transient one connected
      now; a message without consumers is dropped without error;
    - a delivery that ends without an outcome (crash, lost connection, cancelled handler) happens again, `DELIVERY_LIMIT` times
      at most when the broker outlives it;
    - `Retry` delays one message, never those behind it.
    """

    @property
    def connected(self) -> bool:
        """True if messages can be published and delivered, as far as is known without asking the broker."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish messages; returns once each is safe (or has no consumer).

        In-process, safe means settled by every durable consumer, so that the publisher's outbox is the durability. Raises
        `BusUnavailableError` when this is not confirmed within the publish timeout: publish again, consumers deduplicate.
        """

    async def consume(self, consumer: Consumer) -> None:
        """Declare the consumer's queues and start delivering; survives reconnects until `close`.

        Raises `BusUnavailableError` when the broker cannot be reached within the connection timeout.
        """

    async def ping(self) -> None:
        """Raise `BusUnavailableError` unless messages can be published and delivered now."""

    async def close(self) -> None:
        """Stop deliveries, wait for those in flight (10 s at most), disconnect."""


class EventRecorder(Protocol):
    """A copy of the durable events that are published while it is open. Raises `BusUnavailableError`."""

    async def settle(self, timeout: float) -> bool:
        """Wait until events published before the recording are handled; return False after `timeout` seconds.

        Later events are recorded. A delivery in flight that takes longer than a second is not waited for.
        """

    def recorded(self) -> AsyncIterator[Message]:
        """Yield the events recorded so far."""


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

    async def add(self, dead_letter: DeadLetter) -> None:
        """Store a dead letter; replaces one with the same id."""

    async def list(self, *, topic: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """Return dead letters, newest first."""

    async def count(self) -> int:
        """Return the number of dead letters."""

    async def get(self, letter_id: str) -> DeadLetter:
        """Return a dead letter. Raises `DeadLetterNotFoundError`."""

    async def remove(self, letter_id: str) -> None:
        """Remove a dead letter; no error when it does not exist."""
