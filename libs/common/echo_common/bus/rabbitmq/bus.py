"""Bus adapter for RabbitMQ.

It publishes and consumes on two connections, because the broker stops reading from a publishing connection while its disk or
memory alarm is raised, and acknowledgements must not wait for that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, PublishError

from echo_common.background_tasks import BackgroundTasks
from echo_common.bus import topology
from echo_common.bus.delivery import outcome_of
from echo_common.bus.port import DELIVERY_LIMIT, BusUnavailableError, Consumer, Message, Outcome, Retry
from echo_common.bus.rabbitmq.connection import ReconnectingConnection
from echo_common.bus.rabbitmq.queues import Receive, Subscription, close, declare_exchanges, open_channel, watch
from echo_common.bus.rabbitmq.transport import end_task
from echo_common.bus.rabbitmq.wire import pack, unpack
from echo_common.ids import new_id

SETTLING = 15.0
"""Seconds after a reconnect in which consumers may still be declaring their queues, so unroutable messages are retried."""
MISSING = 3.0
"""Seconds for which a previously routed topic may be unroutable before it counts as a topic without consumers."""
STOPPING = 2.0
"""Seconds to wait for the broker to confirm that it stops delivering."""

log = structlog.get_logger(__name__)


class _Parcel(NamedTuple):
    exchange: str
    key: str
    message: aio_pika.Message
    mandatory: bool


class RabbitBus:
    """`Bus` on RabbitMQ. `publish_timeout` (s) bounds the wait for a confirm, `window` the number of pending confirms."""

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
        self._tasks = BackgroundTasks()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._subscriptions = [Subscription([topology.retry_queue(delay) for delay in topology.DELAYS])]
        self._dead_letter_stores: dict[str, Callable[[Message, str], Awaitable[Outcome]]] = {}
        self._building = asyncio.Lock()
        self._exchanges: dict[str, AbstractExchange] = {}
        self._routed: dict[str, float | None] = {}
        self._outbound = ReconnectingConnection(url, f"{service} publishes", self._build_outbound)
        self._inbound = ReconnectingConnection(url, f"{service} consumes", self._build_inbound)

    @classmethod
    async def open(cls, url: str, *, service: str, **options: Any) -> "RabbitBus":
        """Connect and wait for the connection. Raises `BusUnavailableError` after the connection timeout."""
        bus = cls(url, service=service, **options)
        try:
            await bus._outbound.ready(bus._connect_timeout)
            await bus._inbound.ready(bus._connect_timeout)
        except BaseException:
            await bus.close()
            raise
        return bus

    @property
    def connected(self) -> bool:
        return self._outbound.up.is_set() and self._inbound.up.is_set()

    async def publish(self, messages: Sequence[Message]) -> None:
        await self._transmit([_Parcel(topology.EVENTS, m.topic, pack(m), not m.transient) for m in messages])

    async def consume(self, consumer: Consumer) -> None:
        stores = dict(self._dead_letter_stores)
        if consumer.transient:
            spec = topology.transient_queue(consumer.service, new_id("replica"), consumer.topics)
            added = [Subscription([spec], consumer.concurrency, self._receiver(consumer))]
        else:
            specs = [topology.durable_queue(consumer.service, topic) for topic in consumer.topics]
            added = [Subscription(specs, consumer.concurrency, self._receiver(consumer))]
            dead = topology.dead_queue(consumer.service)  # always declared, so that messages over the delivery limit are kept
            if consumer.dead_letter is None:
                added.append(Subscription([dead]))
            elif not self._dead_letter_stores:
                added.append(Subscription([dead], 4, self._later(self._store_dead_letter)))
            if consumer.dead_letter is not None:
                self._dead_letter_stores |= dict.fromkeys(consumer.topics, consumer.dead_letter)
        try:
            await self._inbound.ready(self._connect_timeout)
            await self._attach(added)
            await self._inbound.ready(self._connect_timeout)
        except BaseException:
            self._subscriptions = [known for known in self._subscriptions if known not in added]
            self._dead_letter_stores = stores
            raise

    async def ping(self) -> None:
        message = aio_pika.Message(b"", message_id=new_id("ping"))
        await self._transmit([_Parcel(topology.EVENTS, "ping", message, mandatory=False)], timeout=2)
        await self._inbound.ready(2)

    async def close(self) -> None:
        self._closing = True
        await self._stop_deliveries()
        await self._tasks.finish(self._grace)
        await asyncio.gather(*map(end_task, self._tasks.running))
        await asyncio.gather(self._outbound.close(), self._inbound.close())

    async def _stop_deliveries(self) -> None:
        stopping = [asyncio.create_task(subscription.cancel()) for subscription in self._subscriptions]
        if self._inbound.up.is_set():  # a lost connection delivers nothing
            await asyncio.wait(stopping, timeout=STOPPING)
        await asyncio.gather(*map(end_task, stopping))

    # Publishing

    async def _build_outbound(self, connection: AbstractConnection) -> None:
        channel = await open_channel(connection, confirms=True)
        await watch(channel, self._outbound.drop)
        self._exchanges = await declare_exchanges(channel)

    async def _transmit(self, parcels: Sequence[_Parcel], timeout: float | None = None) -> None:
        if self._closing and not self._tasks.running:
            raise BusUnavailableError
        patience = timeout or self._publish_timeout
        try:
            async with asyncio.timeout(patience) as limit:
                await self._outbound.up.wait()
                if len(parcels) == 1:  # the usual case for the outbox relay: avoids a task
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
        """Publish one message; return the error or None."""
        try:
            async with self._window:
                exchange = self._exchanges[parcel.exchange]
                await exchange.publish(parcel.message, parcel.key, mandatory=parcel.mandatory)
        except asyncio.CancelledError as error:
            # The driver cancels pending confirms when the connection drops, without a cancellation of this task.
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            return error
        except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
            return error
        limit.reschedule(asyncio.get_running_loop().time() + patience)
        return None

    def _refuse_early(self, parcel: _Parcel) -> None:
        """Raise `BusUnavailableError` for an unroutable message if its queues may be undeclared; else it has no consumer."""
        now = asyncio.get_running_loop().time()
        if parcel.exchange != topology.EVENTS:
            raise BusUnavailableError(f"the exchange {parcel.exchange} does not exist yet")
        if self._outbound.connections > 1 and now - self._outbound.since < SETTLING:
            raise BusUnavailableError(f"no queue for {parcel.key} since the reconnect")
        if parcel.key not in self._routed:
            return
        since = self._routed[parcel.key] or now
        self._routed[parcel.key] = since
        if now - since < MISSING:
            raise BusUnavailableError(f"the queues for {parcel.key} no longer exist")
        del self._routed[parcel.key]
        log.warning("topic_without_consumers", topic=parcel.key)

    # Consuming

    async def _build_inbound(self, connection: AbstractConnection) -> None:
        channel = await open_channel(connection)
        await declare_exchanges(channel)
        await close(channel)
        async with self._building:
            # Durable queues first: with a transient queue alone, an event counts as routed and is confirmed.
            for durable in (True, False):
                chosen = [subscription for subscription in self._subscriptions if subscription.durable is durable]
                await asyncio.gather(*(subscription.attach(connection, self._inbound.drop) for subscription in chosen))

    async def _attach(self, added: Sequence[Subscription]) -> None:
        async with self._building:
            # Registered before it is attached: if the connection is lost meanwhile, the next connection attaches it.
            self._subscriptions += added
            if (connection := self._inbound.connection) is None:
                return
            try:
                await asyncio.gather(*(subscription.attach(connection, self._inbound.drop) for subscription in added))
            except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
                log.warning("consumer_attach_failed", error=repr(error))
                self._inbound.drop()

    def _later(self, handle: Callable[[AbstractIncomingMessage], Coroutine[Any, Any, None]]) -> Receive:
        """Return a callback that handles messages in tasks of its own, because the driver cancels its own on connection loss."""

        async def receive(incoming: AbstractIncomingMessage) -> None:
            if not self._closing:
                self._tasks.start(handle(incoming))

        return receive

    def _receiver(self, consumer: Consumer) -> Receive:
        slots = asyncio.Semaphore(consumer.concurrency)

        async def handle(incoming: AbstractIncomingMessage) -> None:
            message = unpack(incoming)
            # A message redelivered while its handler still runs (its connection was lost) waits for the handler.
            turn = self._turns.setdefault(f"{consumer.service} {message.id}", asyncio.Lock())
            async with turn, slots:
                while not (self._closing or incoming.channel.is_closed):
                    outcome = await outcome_of(consumer, message)
                    if not isinstance(outcome, Retry):
                        await _acknowledge(incoming.ack())
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
                await self._transmit([_Parcel(exchange, queue, pack(message), mandatory=True)])
            except BusUnavailableError:
                await asyncio.sleep(1)
            else:
                await _acknowledge(incoming.ack())
                return

    async def _store_dead_letter(self, incoming: AbstractIncomingMessage) -> None:
        message = unpack(incoming)
        while not (self._closing or incoming.channel.is_closed):
            store = self._dead_letter_stores.get(message.topic) or next(iter(self._dead_letter_stores.values()))
            outcome = await store(message, f"no outcome in {DELIVERY_LIMIT} deliveries")
            if not isinstance(outcome, Retry):
                await _acknowledge(incoming.ack())
                return
            await asyncio.sleep(outcome.after)


async def _acknowledge(acknowledgement: Awaitable[None]) -> None:
    # The channel may be closed: the broker then redelivers, and the inbox deduplicates.
    with suppress(*CONNECTION_EXCEPTIONS):
        await acknowledgement
