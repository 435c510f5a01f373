"""The bus port: messages out with confirmation, messages in at least once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from echo_common.errors import ServiceUnavailableError

DELIVERY_LIMIT = 20
"""Deliveries without an outcome before a message counts as deadly. Far above what restarts under load cause by chance."""


@dataclass(frozen=True, slots=True)
class Message:
    """An event in its wire form: JSON bytes and headers (trace context, `causation-id`).

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
    """The message needs no further delivery."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Deliver again, `after` seconds or a little later, with `attempt` one higher."""

    after: float


Outcome = Done | Retry


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who wants which messages. `deliver` never raises for a bad message: it answers with an outcome.

    A durable consumer (`transient=False`) has one queue per (service, topic), shared by the service's replicas and kept
    while none is there. A transient one gets every message of its topics published while it is connected.
    `bury` takes a durable message that ended `DELIVERY_LIMIT` deliveries without an outcome: it kills whoever handles it.
    Without `bury` such a message is dropped, or kept aside where the broker can.
    """

    service: str
    topics: Sequence[str]
    deliver: Callable[[Message], Awaitable[Outcome]]
    transient: bool = False
    concurrency: int = 16
    bury: Callable[[Message, str], Awaitable[Outcome]] | None = None


class BusUnavailableError(ServiceUnavailableError):
    """The message broker is not reachable right now; try again shortly."""


class Bus(Protocol):
    """Moves messages from publishers to consumers, at least once, in no particular order.

    Behaviour shared by all adapters (the suite in `tests/integration/bus` runs on each):

    - a message is delivered to every durable consumer of its topic that was ever started, and to every transient one
      connected now; one nobody wants is dropped without error;
    - a delivery that ends without an outcome (crash, lost connection, cancelled handler) happens again, `DELIVERY_LIMIT`
      times at most when the broker outlives it;
    - `Retry` delays one message, never those behind it.
    """

    async def publish(self, messages: Sequence[Message]) -> None:
        """Hand over messages; returns once each is safe (or wanted by nobody).

        In-process, safe means settled by every durable consumer, so that the publisher's outbox is the durability.
        Raises `BusUnavailableError` when that is not known within the publish timeout: publish again, consumers deduplicate.
        """

    async def consume(self, consumer: Consumer) -> None:
        """Declare the consumer's queues and start to deliver; survives reconnects until `close`.

        Raises `BusUnavailableError` when the broker cannot be reached within the connection timeout.
        """

    async def ping(self) -> None:
        """Raise `BusUnavailableError` unless messages can be moved right now."""

    async def close(self) -> None:
        """Stop deliveries, let those in flight end (10 s at most), disconnect."""
