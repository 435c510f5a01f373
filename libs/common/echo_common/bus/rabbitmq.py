"""The bus on RabbitMQ: quorum queues, publisher confirms, connections that come back by themselves.

Published and consumed on two connections, because the broker stops reading from one that publishes while its disk or memory
alarm is raised, and acknowledgements must not wait for that.

Long for a module, because it is the only one that may know the driver.
"""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, PublishError
from yarl import URL

from echo_common.bus import topology
from echo_common.bus.delivery import outcome_of
from echo_common.bus.port import DELIVERY_LIMIT, BusUnavailableError, Consumer, Message, Outcome, Retry
from echo_common.bus.topology import QueueSpec
from echo_common.ids import new_id

HEARTBEAT = 10
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
SETTLING = 15.0
"""Seconds after a reconnect during which an unroutable message may just be early: consumers are declaring their queues."""
MISSING = 3.0
"""Seconds for which a topic that used to be routed may be unroutable before it counts as wanted by nobody."""
STEP = 5.0
"""Seconds that one step of setting up (a declaration, a probe) may take."""
PROBES = 4
"""How often in a row a queue may leave a consumer without answer before it is looked at as one without a leader."""

Receive = Callable[[AbstractIncomingMessage], Awaitable[None]]

log = structlog.get_logger(__name__)


class _Parcel(NamedTuple):
    exchange: str
    key: str
    message: aio_pika.Message
    mandatory: bool


class _Link:
    """A connection that comes back. `build` sets up what is needed on a fresh one; whatever goes wrong later, `drop` starts over."""

    def __init__(self, url: str, name: str, build: Callable[[AbstractConnection], Awaitable[None]]) -> None:
        self.up = asyncio.Event()
        self.connections = 0
        self.since = 0.0
        self.connection: AbstractConnection | None = None
        self._url = URL(url).update_query(heartbeat=HEARTBEAT)
        self._name = name
        self._build = build
        self._lost = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def drop(self, *_: object) -> None:
        self.up.clear()
        self._lost.set()

    async def ready(self, timeout: float) -> None:
        try:
            await asyncio.wait_for(self.up.wait(), timeout)
        except TimeoutError:
            raise BusUnavailableError from None

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            self._lost.clear()
            try:
                async with asyncio.timeout(STEP):
                    self.connection = await aio_pika.connect(self._url, client_properties={"connection_name": self._name})
                self.connection.close_callbacks.add(self.drop)
                await self._build(self.connection)
                if not self._lost.is_set():
                    self.connections += 1
                    self.since = asyncio.get_running_loop().time()
                    self.up.set()
                    pause = FIRST_PAUSE
                    log.info("broker_connected", connection=self._name)
                await self._lost.wait()
                log.warning("broker_connection_lost", connection=self._name)
            except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
                log.warning("broker_not_reachable", connection=self._name, error=repr(error))
            finally:
                self.up.clear()
                await self._hang_up()
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _hang_up(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
                await asyncio.wait_for(connection.close(), 2)


class _Subscription:
    """Queues consumed, each on a channel of its own; set up again on every new connection. Without `handle` only declared."""

    def __init__(self, queues: Sequence[QueueSpec], prefetch: int = 1, handle: Receive | None = None) -> None:
        self._specs = queues
        self._prefetch = prefetch
        self._handle = handle
        # Strong references, the queue's to its channel too: one that is collected stops its consumer.
        self._consuming: list[tuple[str, AbstractQueue]] = []

    async def attach(self, connection: AbstractConnection, drop: Callable[..., None]) -> None:
        if self._handle is None:
            await asyncio.gather(*(_probe(connection, spec) for spec in self._specs))
        else:
            consumed = (_consume(connection, drop, spec, self._prefetch, self._handle) for spec in self._specs)
            self._consuming = list(await asyncio.gather(*consumed))

    async def cancel(self) -> None:
        for tag, queue in self._consuming:
            with suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
                await queue.cancel(tag, timeout=1)


class RabbitBus:
    """See `Bus`. `publish_timeout` (s) bounds the wait for the next confirm, `window` how many are awaited at once."""

    def __init__(
        self,
        url: str,
        *,
        service: str,
        publish_timeout: float = 5.0,
        connect_timeout: float = 10.0,
        grace: float = 10.0,
        window: int = 512,
    ) -> None:
        self._publish_timeout = publish_timeout
        self._connect_timeout = connect_timeout
        self._grace = grace
        self._window = asyncio.Semaphore(window)
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._subscriptions = [_Subscription([topology.retry_queue(delay) for delay in topology.DELAYS])]
        self._buriers: dict[str, Callable[[Message, str], Awaitable[Outcome]]] = {}
        self._building = asyncio.Lock()
        self._exchanges: dict[str, AbstractExchange] = {}
        self._routed: dict[str, float | None] = {}
        self._outbound = _Link(url, f"{service} publishes", self._build_outbound)
        self._inbound = _Link(url, f"{service} consumes", self._build_inbound)

    @classmethod
    async def open(cls, url: str, *, service: str, **options: Any) -> "RabbitBus":
        """Connect; raises `BusUnavailableError` when that takes longer than the connection timeout."""
        bus = cls(url, service=service, **options)
        try:
            await bus._outbound.ready(bus._connect_timeout)
            await bus._inbound.ready(bus._connect_timeout)
        except BaseException:
            await bus.close()
            raise
        return bus

    async def publish(self, messages: Sequence[Message]) -> None:
        await self._transmit([_Parcel(topology.EVENTS, m.topic, _pack(m), not m.transient) for m in messages])

    async def consume(self, consumer: Consumer) -> None:
        if consumer.transient:
            spec = topology.transient_queue(consumer.service, new_id("replica"), consumer.topics)
            added = [_Subscription([spec], consumer.concurrency, self._receiver(consumer))]
        else:
            specs = [topology.durable_queue(consumer.service, topic) for topic in consumer.topics]
            added = [_Subscription(specs, consumer.concurrency, self._receiver(consumer))]
            dead = topology.dead_queue(consumer.service)  # declared in any case, so that what dies has a place to go
            if consumer.bury is None:
                added.append(_Subscription([dead]))
            elif not self._buriers:
                added.append(_Subscription([dead], 4, self._later(self._bury)))
            if consumer.bury is not None:
                self._buriers |= dict.fromkeys(consumer.topics, consumer.bury)
        try:
            await self._inbound.ready(self._connect_timeout)
            await self._attach(added)
            await self._inbound.ready(self._connect_timeout)
        except BaseException:
            self._subscriptions = [known for known in self._subscriptions if known not in added]
            raise

    async def ping(self) -> None:
        message = aio_pika.Message(b"", message_id=new_id("ping"))
        await self._transmit([_Parcel(topology.EVENTS, "ping", message, mandatory=False)], timeout=2)
        await self._inbound.ready(2)

    async def close(self) -> None:
        self._closing = True
        for subscription in self._subscriptions:
            await subscription.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._grace)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, self._outbound.close(), self._inbound.close(), return_exceptions=True)

    # Publishing

    async def _build_outbound(self, connection: AbstractConnection) -> None:
        channel = await _channel(connection, confirms=True)
        await _watch(channel, self._outbound.drop)
        self._exchanges = await _declare_exchanges(channel)

    async def _transmit(self, parcels: Sequence[_Parcel], timeout: float | None = None) -> None:
        if self._closing and not self._tasks:
            raise BusUnavailableError
        patience = timeout or self._publish_timeout
        try:
            async with asyncio.timeout(patience) as limit:
                await self._outbound.up.wait()
                if len(parcels) == 1:  # what a relay does most: spare it the task
                    results = [await self._send(parcels[0], limit, patience)]
                else:
                    results = await asyncio.gather(*(self._send(parcel, limit, patience) for parcel in parcels))
        except TimeoutError:
            raise BusUnavailableError("the broker did not confirm in time") from None
        for parcel, result in zip(parcels, results, strict=True):
            if isinstance(result, PublishError):
                self._refuse_early(parcel)
            elif result is not None:
                raise BusUnavailableError from result
            elif parcel.mandatory:
                self._routed[parcel.key] = None

    async def _send(self, parcel: _Parcel, limit: asyncio.Timeout, patience: float) -> BaseException | None:
        """What went wrong, if anything did."""
        try:
            async with self._window:
                exchange = self._exchanges[parcel.exchange]
                await exchange.publish(parcel.message, parcel.key, mandatory=parcel.mandatory)
        except asyncio.CancelledError as error:
            # The driver cancels what awaits a confirm when the connection drops; nobody cancelled this task.
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            return error
        except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
            return error
        limit.reschedule(asyncio.get_running_loop().time() + patience)
        return None

    def _refuse_early(self, parcel: _Parcel) -> None:
        """Wanted by nobody is fine; but a lost topology looks the same, until the consumers have declared theirs again."""
        now = asyncio.get_running_loop().time()
        if parcel.exchange != topology.EVENTS:
            raise BusUnavailableError(f"{parcel.exchange} is not there yet")
        if self._outbound.connections > 1 and now - self._outbound.since < SETTLING:
            raise BusUnavailableError(f"no queue for {parcel.key} since the reconnect")
        if parcel.key not in self._routed:
            return
        since = self._routed[parcel.key] or now
        self._routed[parcel.key] = since
        if now - since < MISSING:
            raise BusUnavailableError(f"the queues for {parcel.key} have gone")
        del self._routed[parcel.key]
        log.warning("topic_wanted_by_nobody_any_more", topic=parcel.key)

    # Consuming

    async def _build_inbound(self, connection: AbstractConnection) -> None:
        channel = await _channel(connection)
        await _declare_exchanges(channel)
        await _close(channel)
        async with self._building:
            attached = (subscription.attach(connection, self._inbound.drop) for subscription in self._subscriptions)
            await asyncio.gather(*attached)

    async def _attach(self, added: Sequence[_Subscription]) -> None:
        async with self._building:
            # Known before it is attached: should the connection be lost meanwhile, the next one attaches it.
            self._subscriptions += added
            if (connection := self._inbound.connection) is None:
                return
            try:
                await asyncio.gather(*(subscription.attach(connection, self._inbound.drop) for subscription in added))
            except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
                log.warning("consumer_not_attached", error=repr(error))
                self._inbound.drop()

    def _later(self, handle: Callable[[AbstractIncomingMessage], Coroutine[Any, Any, None]]) -> Receive:
        """In a task of our own: the driver cancels its own when the connection drops, and a handler is better ended."""

        async def receive(incoming: AbstractIncomingMessage) -> None:
            if not self._closing:
                task = asyncio.create_task(handle(incoming))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        return receive

    def _receiver(self, consumer: Consumer) -> Receive:
        slots = asyncio.Semaphore(consumer.concurrency)

        async def handle(incoming: AbstractIncomingMessage) -> None:
            message = _unpack(incoming)
            # A message that comes again while it is still being handled (its connection was lost) waits for that.
            turn = self._turns.setdefault(f"{consumer.service} {message.id}", asyncio.Lock())
            async with turn, slots:
                while not (self._closing or incoming.channel.is_closed):
                    outcome = await outcome_of(consumer, message)
                    if not isinstance(outcome, Retry):
                        await _settle(incoming.ack())
                        return
                    message = replace(message, attempt=message.attempt + 1)
                    if not consumer.transient:
                        await self._postpone(incoming, message, topology.queue_name(consumer.service, message.topic), outcome)
                        return
                    await asyncio.sleep(outcome.after)

        return self._later(handle)

    async def _postpone(self, incoming: AbstractIncomingMessage, message: Message, queue: str, retry: Retry) -> None:
        exchange = topology.retry_name(topology.delay_for(retry.after))
        while not incoming.channel.is_closed:
            try:
                await self._transmit([_Parcel(exchange, queue, _pack(message), mandatory=True)])
            except BusUnavailableError:
                await asyncio.sleep(1)
            else:
                await _settle(incoming.ack())
                return

    async def _bury(self, incoming: AbstractIncomingMessage) -> None:
        message = _unpack(incoming)
        while not (self._closing or incoming.channel.is_closed):
            bury = self._buriers.get(message.topic) or next(iter(self._buriers.values()))
            outcome = await bury(message, f"no outcome in {DELIVERY_LIMIT} deliveries")
            if not isinstance(outcome, Retry):
                await _settle(incoming.ack())
                return
            await asyncio.sleep(outcome.after)


async def _channel(connection: AbstractConnection, *, confirms: bool = False) -> AbstractChannel:
    channel = connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
    await channel.initialize(timeout=STEP)
    return channel


async def _watch(channel: AbstractChannel, drop: Callable[..., None]) -> None:
    channel.close_callbacks.add(drop)
    underlay = await channel.get_underlay_channel()
    underlay.on_consumer_cancel_callbacks.add(drop)


async def _declare_exchanges(channel: AbstractChannel) -> dict[str, AbstractExchange]:
    names = [topology.EVENTS, *(topology.retry_name(delay) for delay in topology.DELAYS)]
    kind = aio_pika.ExchangeType.TOPIC
    return {name: await channel.declare_exchange(name, kind, durable=True, timeout=STEP) for name in names}


async def _declare(channel: AbstractChannel, spec: QueueSpec) -> AbstractQueue:
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
    """Consume from the queue on a channel of its own; replace it first if it has lost its leader.

    A quorum queue declared within about a second before its broker is killed can come back without a leader, for ever: it
    is listed and can be declared, but nothing goes in or out, and a consumer gets no answer. A broker under load looks much
    the same, so a queue is replaced only when it has been silent `PROBES` times in a row, each time while a queue made for
    the comparison answered, and when the broker knows of no message and no consumer in it. Raises `TimeoutError` otherwise.
    """
    for _ in range(PROBES):
        channel = await _channel(connection)
        await channel.set_qos(prefetch_count=prefetch, timeout=STEP)
        queue = await _declare(channel, spec)
        try:
            return channel, queue, str(await queue.consume(handle, timeout=STEP))
        except TimeoutError:
            log.warning("queue_silent", queue=spec.name)
            await _close(channel)
        await _compare(connection)
    channel = await _channel(connection)
    held = (await channel.declare_queue(spec.name, passive=True, timeout=STEP)).declaration_result
    if held.message_count or held.consumer_count:
        raise TimeoutError(f"{spec.name} is silent but in use")
    log.error("queue_without_leader_replaced", queue=spec.name)
    await channel.queue_delete(spec.name, timeout=4 * STEP)
    await channel.set_qos(prefetch_count=prefetch, timeout=STEP)
    queue = await _declare(channel, spec)
    return channel, queue, str(await queue.consume(handle, timeout=STEP))


async def _compare(connection: AbstractConnection) -> None:
    """See that a new queue of the same kind answers; raises `TimeoutError` when it is the broker that is slow."""
    channel = await _channel(connection)
    try:
        queue = await _declare(channel, topology.comparison_queue(new_id("compared")))
        await queue.consume(_ignore, timeout=STEP)
        await queue.delete(if_unused=False, if_empty=False, timeout=STEP)
    finally:
        await _close(channel)


async def _consume(
    connection: AbstractConnection, drop: Callable[..., None], spec: QueueSpec, prefetch: int, handle: Receive
) -> tuple[str, AbstractQueue]:
    channel, queue, tag = await _open(connection, spec, prefetch, handle)
    await _watch(channel, drop)
    return tag, queue


async def _probe(connection: AbstractConnection, spec: QueueSpec) -> None:
    """Declare a queue that nobody consumes, and see that it works."""
    channel, _, _ = await _open(connection, spec, 1, _ignore)
    await _close(channel)  # gives back what it was sent


async def _close(channel: AbstractChannel) -> None:
    with suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
        await asyncio.wait_for(channel.close(), STEP)


async def _ignore(_: AbstractIncomingMessage) -> None: ...


async def _settle(answer: Awaitable[None]) -> None:
    # The channel may have gone: then the broker delivers again, and the inbox knows.
    with suppress(*CONNECTION_EXCEPTIONS):
        await answer


def _pack(message: Message) -> aio_pika.Message:
    return aio_pika.Message(
        message.body,
        headers={**message.headers, "event-version": message.version, "attempt": message.attempt},
        message_id=message.id,
        type=message.topic,
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT if message.transient else aio_pika.DeliveryMode.PERSISTENT,
    )


def _unpack(incoming: AbstractIncomingMessage) -> Message:
    """Total: whatever somebody puts into a queue becomes a message, so that it can be buried."""
    headers = incoming.headers

    def number(name: str, default: int) -> int:
        value = headers.get(name)
        return value if isinstance(value, int) else default

    return Message(
        id=incoming.message_id or f"unknown_{hashlib.sha256(incoming.body).hexdigest()}",
        topic=incoming.type or incoming.routing_key or "unknown",
        version=number("event-version", 0),
        body=incoming.body,
        transient=incoming.delivery_mode != aio_pika.DeliveryMode.PERSISTENT,
        headers={name: value for name, value in headers.items() if isinstance(value, str) and not name.startswith("x-")},
        attempt=number("attempt", 1) + number("x-delivery-count", 0),
    )
