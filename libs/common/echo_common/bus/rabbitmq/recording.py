"""Copy of the events that pass the broker during a backup, and declaration of queues before a restored platform starts."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractQueue
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, AMQPError, ChannelNotFoundEntity

from echo_common.bus import topology
from echo_common.bus.port import BusUnavailableError, Message
from echo_common.bus.rabbitmq.queues import STEP, close, declare, declare_exchanges, open_channel
from echo_common.bus.rabbitmq.wire import unpack

_CONNECTING = 10.0
_POLL_SECONDS = 0.2
_IN_FLIGHT_SECONDS = 1.0


class RabbitRecorder:
    """A queue that receives a copy of every durable event while it is open."""

    def __init__(self, connection: AbstractConnection, copies: AbstractQueue, queues: Sequence[str]) -> None:
        self._connection = connection
        self._copies = copies
        self._queues = queues

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, consumers: Mapping[str, Sequence[str]]) -> AsyncIterator["RabbitRecorder"]:
        """Record while the context lasts; `consumers` are the topics of each service. Raises `BusUnavailableError`."""
        async with _connected(url) as connection:
            with _translated():
                channel = await open_channel(connection)
                exchanges = await declare_exchanges(channel)
                copies = await channel.declare_queue(exclusive=True, timeout=STEP)
                await copies.bind(exchanges[topology.EVENTS], "#", timeout=STEP)
            names = [topology.queue_name(service, topic) for service, topics in consumers.items() for topic in topics]
            yield cls(connection, copies, [*names, *(topology.retry_name(delay) for delay in topology.DELAYS)])

    async def settle(self, timeout: float) -> bool:
        """Wait until every queue was seen empty: the events before this recording are then handled, later ones recorded.

        Return False if a queue was never empty within `timeout` seconds. The broker does not report deliveries in flight:
        these get a second.
        """
        waiting = list(self._queues)
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            with _translated():
                waiting = [name for name in waiting if await self._pending(name)]
            if not waiting or asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(_POLL_SECONDS)
        await asyncio.sleep(_IN_FLIGHT_SECONDS)
        return not waiting

    async def recorded(self) -> AsyncIterator[Message]:
        """Yield the events recorded so far. Raises `BusUnavailableError`."""
        while True:
            with _translated():
                incoming = await self._copies.get(no_ack=True, fail=False, timeout=STEP)
            if incoming is None:
                return
            message = unpack(incoming)
            if not message.transient and "." in message.topic:  # the others are notifications, and probes of the connection
                yield message

    async def _pending(self, name: str) -> int:
        channel = await open_channel(self._connection)  # a queue that does not exist closes it
        try:
            found = await channel.declare_queue(name, passive=True, timeout=STEP)
        except ChannelNotFoundEntity:
            return 0
        else:
            return found.declaration_result.message_count or 0
        finally:
            await close(channel)


async def declare_consumers(url: str, consumers: Mapping[str, Sequence[str]]) -> None:
    """Declare the durable queues of services that are not running, so that no event published before their start is lost.

    Raises `BusUnavailableError`.
    """
    async with _connected(url) as connection:
        with _translated():
            channel = await open_channel(connection)
            await declare_exchanges(channel)
            for queue in topology.durable_queues(consumers):
                await declare(channel, queue)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[AbstractConnection]:
    with _translated():
        async with asyncio.timeout(_CONNECTING):
            connection = await aio_pika.connect(url, client_properties={"connection_name": "backup"})
    try:
        yield connection
    finally:
        with _translated():
            await connection.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (*CONNECTION_EXCEPTIONS, AMQPError, TimeoutError) as error:
        raise BusUnavailableError from error
