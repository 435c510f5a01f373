"""Selection of the bus by URL."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from echo_common.bus.inproc import InprocBroker, InprocBus, NothingToRecord
from echo_common.bus.port import Bus, EventRecorder


async def open_bus(url: str, *, service: str, broker: InprocBroker | None = None) -> Bus:
    """Open the bus at `inproc://` (needs a `broker`) or `amqp://…`, `amqps://…`; `service` names the connection.

    Does not wait for a remote broker: the bus connects in the background. Raises `ValueError` for another URL, or for
    `inproc://` without a broker.
    """
    scheme = urlsplit(url).scheme
    if scheme == "inproc" and broker is not None:
        return InprocBus(broker)
    if scheme in {"amqp", "amqps"}:
        # Imported here so that a process without RabbitMQ does not load its driver.
        from echo_common.bus.rabbitmq import RabbitBus

        return RabbitBus(url, service=service)
    raise ValueError(f"no bus for {scheme}:// (inproc:// needs a broker object)")


@asynccontextmanager
async def recorded_events(url: str | None, consumers: Mapping[str, Sequence[str]]) -> AsyncIterator[EventRecorder]:
    """Record the events that pass the broker while the context lasts; `consumers` are the topics of each service.

    In-process (None, or `inproc://`) there is nothing to record: an event stays in its outbox until it is handled. Raises
    `BusUnavailableError`.
    """
    if url is None or urlsplit(url).scheme == "inproc":
        yield NothingToRecord()
        return
    from echo_common.bus.rabbitmq import recording

    async with recording.RabbitRecorder.open(url, consumers) as recorder:
        yield recorder


async def declare_consumers(url: str | None, consumers: Mapping[str, Sequence[str]]) -> None:
    """Declare the durable queues of services that are not running, so that events published before their start are kept.

    Raises `BusUnavailableError`.
    """
    if url is not None and urlsplit(url).scheme != "inproc":
        from echo_common.bus.rabbitmq import recording

        await recording.declare_consumers(url, consumers)
