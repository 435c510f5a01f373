"""In-process bus: serialised messages, the same delivery path, and durability from the publisher's outbox alone."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from echo_common.background_tasks import BackgroundTasks
from echo_common.bus.delivery import outcome_of
from echo_common.bus.port import BusUnavailableError, Consumer, Done, Message, Outcome, Retry

_inside_delivery: ContextVar[bool] = ContextVar("inside_delivery", default=False)
# A handler that publishes waits for the deliveries it causes. If these waited for a slot too, two such chains could deadlock;
# therefore only deliveries that are not nested in another one are bounded.


class InprocBroker:
    """Broker shared by the buses of one process; the host creates one per process.

    There are no queues: `publish` returns when every durable consumer has settled the message, so messages that are not settled
    when the process ends are still in the publisher's outbox. All services of a process start and stop together, and "ever
    started" means in this process. Therefore:

    - a broker created `held` blocks publishers until `release`, which the host calls once all consumers are started;
    - when a durable consumer has stopped, publishing to its topics raises `BusUnavailableError`: the outbox keeps the event.
    """

    def __init__(self, *, held: bool = False) -> None:
        self._released = asyncio.Event()
        if not held:
            self._released.set()
        self._groups: dict[str, dict[str, list[_Member]]] = defaultdict(dict)
        self._listeners: dict[str, list[_Member]] = defaultdict(list)

    def release(self) -> None:
        """Unblock publishers; called once every consumer is started."""
        self._released.set()

    async def publish(self, messages: Sequence[Message], timeout: float) -> None:
        """Deliver to all consumers; `timeout` (s) bounds only the wait for `release`."""
        try:
            async with asyncio.timeout(timeout):
                await self._released.wait()
        except TimeoutError:
            raise BusUnavailableError("not every service of this process has started") from None
        deliveries = []
        for message in messages:
            for member in self._listeners[message.topic]:
                member.spawn(member.tell(message))
            deliveries += [self._deliver_durable(group, message) for group in self._groups[message.topic].values()]
        failures = [found for found in await asyncio.gather(*deliveries, return_exceptions=True) if found is not None]
        if failures:
            raise failures[0]

    def join(self, member: "_Member") -> None:
        """Start delivering to a consumer."""
        for topic in member.consumer.topics:
            if member.consumer.transient:
                self._listeners[topic].append(member)
            else:
                self._groups[topic].setdefault(member.consumer.service, []).append(member)

    def leave(self, member: "_Member") -> None:
        """Stop delivering to a consumer; the group of a durable one stays registered."""
        for topic in member.consumer.topics:
            for members in (self._listeners[topic], self._groups[topic].get(member.consumer.service, [])):
                if member in members:
                    members.remove(member)

    async def _deliver_durable(self, group: "list[_Member]", message: Message) -> None:
        while True:
            if not group:
                raise BusUnavailableError(f"no consumer of {message.topic} is running")
            group.append(member := group.pop(0))  # round-robin over replicas
            outcome = await member.deliver(message)
            if isinstance(outcome, Done):
                return
            if isinstance(outcome, Retry):
                await asyncio.sleep(outcome.after)
            message = replace(message, attempt=message.attempt + 1)


class _Member:
    """A started consumer."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer
        self.closing = False
        self._slots = asyncio.Semaphore(consumer.concurrency)
        self._tasks = BackgroundTasks()

    def spawn(self, work: Coroutine[Any, Any, Outcome | None]) -> None:
        self._tasks.start(work)

    async def deliver(self, message: Message) -> Outcome | None:
        """Return the outcome, or None when the delivery ended without one because this consumer closes."""
        task = self._tasks.start(self._deliver(message), awaited=True)
        # Cancelling a publisher does not cancel the handler: it is shielded, and the outbox still holds the event.
        await asyncio.wait([task])
        return None if task.cancelled() else task.result()

    async def tell(self, message: Message) -> None:
        """Deliver to a transient consumer."""
        while isinstance(outcome := await self._deliver(message), Retry):
            await asyncio.sleep(outcome.after)
            message = replace(message, attempt=message.attempt + 1)

    async def close(self, grace: float) -> None:
        self.closing = True
        await self._tasks.finish(grace)
        await self._tasks.close()

    async def _deliver(self, message: Message) -> Outcome | None:
        if _inside_delivery.get():
            return None if self.closing else await outcome_of(self.consumer, message)
        async with self._slots:
            _inside_delivery.set(True)
            return None if self.closing else await outcome_of(self.consumer, message)


class InprocBus:
    """A service's connection to an `InprocBroker`. `grace` (s) is the time that `close` leaves running deliveries."""

    def __init__(self, broker: InprocBroker, *, publish_timeout: float = 5.0, grace: float = 10.0) -> None:
        self._broker = broker
        self._timeout = publish_timeout
        self._grace = grace
        self._members: list[_Member] = []
        self._closed = False

    @property
    def connected(self) -> bool:
        return not self._closed

    async def publish(self, messages: Sequence[Message]) -> None:
        await self.ping()
        await self._broker.publish(messages, self._timeout)

    async def consume(self, consumer: Consumer) -> None:
        await self.ping()
        member = _Member(consumer)
        self._members.append(member)
        self._broker.join(member)

    async def ping(self) -> None:
        if self._closed:
            raise BusUnavailableError

    async def close(self) -> None:
        self._closed = True
        for member in self._members:
            self._broker.leave(member)
        await asyncio.gather(*(member.close(self._grace) for member in self._members))
        self._members.clear()


class NothingToRecord:
    """The recorder of a bus without queues: an event is in its outbox until it is handled."""

    async def settle(self, timeout: float) -> bool:
        return True

    async def recorded(self) -> AsyncIterator[Message]:
        nothing: Sequence[Message] = ()
        for message in nothing:
            yield message
