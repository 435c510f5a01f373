"""Selection of the bus by URL."""

from urllib.parse import urlsplit

from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.bus.port import Bus


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
