"""What the broker is asked to hold: names and arguments of exchanges and queues. No I/O.

Every argument is explicit, because defaults differ between RabbitMQ 3.10 and 4.x and a queue declared with other arguments is
refused. All durable queues are quorum queues, and pass messages on *at least once* (which demands `reject-publish`).

    echo.events ── topic ──> <service>.<topic>  ── x-delivery-limit ──> <service>.dead
                                   ^   │ retry
                                   │   v
                               echo.retry.<ms>   (waits, then goes to the queue its routing key names)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from echo_common.bus.port import DELIVERY_LIMIT

EVENTS = "echo.events"

DELAYS = (0.25, 0.75, 2.0, 6.0, 17.0, 36.0)
"""Seconds. A retry waits the first of these that is not shorter than asked for (36 s at most): one queue for each, because
a queue whose messages wait differently long delays those behind."""

Arguments = Mapping[str, str | int]

_QUORUM: Arguments = {"x-queue-type": "quorum", "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
_NEVER = 1_000_000_000


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue; `exchange` and `keys` are its bindings. One that is not `durable` belongs to a single connection."""

    name: str
    arguments: Arguments
    exchange: str = EVENTS
    keys: Sequence[str] = ()
    durable: bool = True


def delay_for(after: float) -> float:
    """The delay that a retry in `after` seconds gets."""
    return next((delay for delay in DELAYS if delay >= after), DELAYS[-1])


def retry_name(delay: float) -> str:
    """Name of both the exchange and the queue for a delay."""
    return f"echo.retry.{round(delay * 1000)}"


def retry_queue(delay: float) -> QueueSpec:
    """Holds messages for `delay`, then sends them to the queue that their routing key names."""
    arguments = {
        **_QUORUM,
        "x-message-ttl": round(delay * 1000),
        "x-dead-letter-exchange": "",
        "x-delivery-limit": _NEVER,
    }
    return QueueSpec(retry_name(delay), arguments, exchange=retry_name(delay), keys=["#"])


def queue_name(service: str, topic: str) -> str:
    """Name of a service's queue for a topic."""
    return f"{service}.{topic}"


def durable_queue(service: str, topic: str) -> QueueSpec:
    """What a service's replicas share for a topic."""
    arguments = {
        **_QUORUM,
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead_queue(service).name,
    }
    return QueueSpec(queue_name(service, topic), arguments, keys=[topic])


def dead_queue(service: str) -> QueueSpec:
    """Messages that killed whoever handled them; the service moves them to its dead letters."""
    return QueueSpec(f"{service}.dead", {"x-queue-type": "quorum", "x-delivery-limit": _NEVER})


def comparison_queue(name: str) -> QueueSpec:
    """Tells whether the broker answers at all; goes by itself where nobody removes it."""
    return QueueSpec(f"echo.{name}", {"x-queue-type": "quorum", "x-expires": 60_000})


def transient_queue(service: str, replica: str, topics: Sequence[str]) -> QueueSpec:
    """One replica's own queue; a replica that cannot keep up loses the oldest messages, never the broker's memory."""
    arguments: Arguments = {"x-queue-type": "classic", "x-max-length": 10_000, "x-overflow": "drop-head"}
    return QueueSpec(f"{service}.live.{replica}", arguments, keys=topics, durable=False)
