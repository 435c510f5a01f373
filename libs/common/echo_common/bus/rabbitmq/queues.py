"""Declaration, consumption and replacement of queues."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from echo_common.bus import topology
from echo_common.bus.topology import QueueSpec
from echo_common.ids import new_id

STEP = 5.0
"""Timeout in seconds of one set-up step (a declaration, a probe)."""
PROBES = 4
"""Consecutive times that a queue may not respond to a consumer before it is checked for a lost leader."""

Receive = Callable[[AbstractIncomingMessage], Awaitable[None]]

log = structlog.get_logger(__name__)


class Subscription:
    """Queues consumed on a channel each, set up again on every new connection; only declared without `handle`."""

    def __init__(self, queues: Sequence[QueueSpec], prefetch: int = 1, handle: Receive | None = None) -> None:
        self._specs = queues
        self._prefetch = prefetch
        self._handle = handle
        # Strong references, also from each queue to its channel: garbage collection would stop the consumer.
        self._consuming: list[tuple[str, AbstractQueue]] = []

    @property
    def durable(self) -> bool:
        """True if the queues survive a restart of the broker."""
        return all(spec.durable for spec in self._specs)

    async def attach(self, connection: AbstractConnection, drop: Callable[..., None]) -> None:
        """Declare the queues and consume them; `drop` is called when one is lost later."""
        if self._handle is None:
            await asyncio.gather(*(_probe(connection, spec) for spec in self._specs))
        else:
            consumed = (_consume(connection, drop, spec, self._prefetch, self._handle) for spec in self._specs)
            self._consuming = list(await asyncio.gather(*consumed))

    async def cancel(self) -> None:
        """Cancel the consumers: no more messages are delivered."""
        await asyncio.gather(*(queue.cancel(tag) for tag, queue in self._consuming), return_exceptions=True)


async def open_channel(connection: AbstractConnection, *, confirms: bool = False) -> AbstractChannel:
    """Open a channel; with `confirms`, publishing an unroutable message raises."""
    channel = connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
    async with asyncio.timeout(STEP):  # the driver's own timeout does not cover its wait for a blocked connection
        await channel.initialize()
    return channel


async def watch(channel: AbstractChannel, drop: Callable[..., None]) -> None:
    """Call `drop` when the channel closes, or the broker cancels a consumer on it."""
    channel.close_callbacks.add(drop)
    underlay = await channel.get_underlay_channel()
    underlay.on_consumer_cancel_callbacks.add(drop)


async def declare_exchanges(channel: AbstractChannel) -> dict[str, AbstractExchange]:
    """Declare all exchanges of `topology`; return them by name."""
    kind, names = aio_pika.ExchangeType.TOPIC, topology.exchange_names()
    return {name: await channel.declare_exchange(name, kind, durable=True, timeout=STEP) for name in names}


async def declare(channel: AbstractChannel, spec: QueueSpec) -> AbstractQueue:
    """Declare a queue with its bindings."""
    queue = await channel.declare_queue(
        spec.name,
        durable=spec.durable,
        exclusive=not spec.durable,
        auto_delete=not spec.durable,
        arguments=dict(spec.arguments),
        timeout=STEP,
    )
    for key in spec.keys:
        await queue.bind(spec.exchange, key, timeout=STEP)
    return queue


async def _open(
    connection: AbstractConnection, spec: QueueSpec, prefetch: int, handle: Receive
) -> tuple[AbstractChannel, AbstractQueue, str]:
    """Consume from the queue on its own channel; replace the queue first if it has lost its leader.

    A quorum queue declared within about a second before its broker is killed can come back without a leader, for ever: it is
    listed and can be declared, but accepts and delivers nothing, and a consumer gets no response. A broker under load looks
    much the same. Therefore a queue is replaced only when it has been silent `PROBES` times in a row, each time while a queue
    made for the comparison responded, and when the broker reports no message and no consumer in it. Raises `TimeoutError`
    otherwise.
    """
    for _ in range(PROBES):
        channel = await open_channel(connection)
        await channel.set_qos(prefetch_count=prefetch, timeout=STEP)
        queue = await declare(channel, spec)
        try:
            return channel, queue, str(await queue.consume(handle, timeout=STEP))
        except TimeoutError:
            log.warning("queue_unresponsive", queue=spec.name)
            await close(channel)
        await _compare(connection)
    channel = await open_channel(connection)
    held = (await channel.declare_queue(spec.name, passive=True, timeout=STEP)).declaration_result
    if held.message_count or held.consumer_count:
        raise TimeoutError(f"{spec.name} is listening but does not respond")
    log.error("leaderless_queue_replaced", queue=spec.name)
    await channel.queue_delete(spec.name, timeout=4 * STEP)
    await channel.set_qos(prefetch_count=prefetch, timeout=STEP)
    queue = await declare(channel, spec)
    return channel, queue, str(await queue.consume(handle, timeout=STEP))


async def _compare(connection: AbstractConnection) -> None:
    """Check that a new queue of the same kind responds. Raises `TimeoutError` when the broker itself is slow."""
    channel = await open_channel(connection)
    try:
        queue = await declare(channel, topology.comparison_queue(new_id("compared")))
        await queue.consume(_ignore, timeout=STEP)
        await queue.delete(if_unused=False, if_empty=False, timeout=STEP)
    finally:
        await close(channel)


async def _consume(
    connection: AbstractConnection, drop: Callable[..., None], spec: QueueSpec, prefetch: int, handle: Receive
) -> tuple[str, AbstractQueue]:
    channel, queue, tag = await _open(connection, spec, prefetch, handle)
    await watch(channel, drop)
    return tag, queue


async def _probe(connection: AbstractConnection, spec: QueueSpec) -> None:
    """Declare a queue without consumers, and check that it works."""
    channel, _, _ = await _open(connection, spec, 1, _ignore)
    await close(channel)  # requeues delivered messages


async def close(channel: AbstractChannel) -> None:
    """Close a channel that may be closed already."""
    with suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
        async with asyncio.timeout(STEP):
            await channel.close()


async def _ignore(_: AbstractIncomingMessage) -> None: ...
