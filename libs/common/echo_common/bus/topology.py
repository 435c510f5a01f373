"""Names, arguments and definitions of the broker's exchanges and queues. No I/O.

Every argument is explicit, because defaults differ between RabbitMQ 3.10 and 4.x and the broker refuses to redeclare a queue
with other arguments. All durable queues are quorum queues, and dead-letter messages *at least once* (which requires
`reject-publish`).

    echo.events ── topic ──> <service>.<topic>  ── x-delivery-limit ──> <service>.dead
                                   ^   │ retry
                                   │   v
                               echo.retry.<ms>   (waits, then goes to the queue its routing key names)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echo_common.bus.port import DELIVERY_LIMIT

EVENTS = "echo.events"

DELAYS = (0.25, 0.75, 2.0, 6.0, 17.0, 36.0)
"""Delays in seconds. A retry gets the shortest one that is not shorter than requested (36 s at most). Each has its own queue,
because a message in a queue delays those behind it."""

Arguments = Mapping[str, str | int]

_QUORUM: Arguments = {"x-queue-type": "quorum", "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
_NEVER = 1_000_000_000


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue; `exchange` and `keys` are its bindings. A queue that is not `durable` belongs to a single connection."""

    name: str
    arguments: Arguments
    exchange: str = EVENTS
    keys: Sequence[str] = ()
    durable: bool = True


def delay_for(after: float) -> float:
    """Return the actual delay of a retry requested after `after` seconds."""
    return next((delay for delay in DELAYS if delay >= after), DELAYS[-1])


def retry_name(delay: float) -> str:
    """Return the name of both the exchange and the queue for a delay."""
    return f"echo.retry.{round(delay * 1000)}"


def retry_queue(delay: float) -> QueueSpec:
    """Return the queue that holds messages for `delay`, then routes them to the queue in their routing key."""
    arguments = {
        **_QUORUM,
        "x-message-ttl": round(delay * 1000),
        "x-dead-letter-exchange": "",
        "x-delivery-limit": _NEVER,
    }
    return QueueSpec(retry_name(delay), arguments, exchange=retry_name(delay), keys=["#"])


def queue_name(service: str, topic: str) -> str:
    """Return the name of a service's queue for a topic."""
    return f"{service}.{topic}"


def durable_queue(service: str, topic: str) -> QueueSpec:
    """Return the queue that a service's replicas share for a topic."""
    arguments = {
        **_QUORUM,
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead_queue(service).name,
    }
    return QueueSpec(queue_name(service, topic), arguments, keys=[topic])


def dead_queue(service: str) -> QueueSpec:
    """Return the queue of messages over the delivery limit; the service moves them to its dead letters."""
    return QueueSpec(f"{service}.dead", {"x-queue-type": "quorum", "x-delivery-limit": _NEVER})


def comparison_queue(name: str) -> QueueSpec:
    """Return a queue to test whether the broker responds at all; it expires by itself when it is not deleted."""
    return QueueSpec(f"echo.{name}", {"x-queue-type": "quorum", "x-expires": 60_000})


def transient_queue(service: str, replica: str, topics: Sequence[str]) -> QueueSpec:
    """Return the queue of one replica. A replica that falls behind loses its oldest messages; the queue stays bounded."""
    arguments: Arguments = {"x-queue-type": "classic", "x-max-length": 10_000, "x-overflow": "drop-head"}
    return QueueSpec(f"{service}.live.{replica}", arguments, keys=topics, durable=False)


def exchange_names() -> list[str]:
    """Return the names of all exchanges, which are durable topic exchanges."""
    return [EVENTS, *(retry_name(delay) for delay in DELAYS)]


def durable_queues(consumers: Mapping[str, Sequence[str]]) -> list[QueueSpec]:
    """Return all durable queues of a platform; `consumers` are the topics of each service's durable consumers."""
    retries = [retry_queue(delay) for delay in DELAYS]
    dead = [dead_queue(service) for service in consumers]
    return [*retries, *dead, *(durable_queue(service, topic) for service, topics in consumers.items() for topic in topics)]


def definitions(consumers: Mapping[str, Sequence[str]]) -> dict[str, list[dict[str, Any]]]:
    """Return exchanges, durable queues and bindings in the format of RabbitMQ's definitions file."""
    queues = durable_queues(consumers)
    return {
        "exchanges": [
            {
                "name": name,
                "vhost": "/",
                "type": "topic",
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
            for name in exchange_names()
        ],
        "queues": [
            {"name": queue.name, "vhost": "/", "durable": True, "auto_delete": False, "arguments": dict(queue.arguments)}
            for queue in queues
        ],
        "bindings": [
            {
                "source": queue.exchange,
                "vhost": "/",
                "destination": queue.name,
                "destination_type": "queue",
                "routing_key": key,
                "arguments": {},
            }
            for queue in queues
            for key in queue.keys
        ],
    }
