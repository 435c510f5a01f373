"""Tests of the bus while a private broker crashes, is wiped, runs out of resources or drops connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aio_pika
import pytest

from echo_common.bus.port import DELIVERY_LIMIT, Bus, BusUnavailableError, Consumer, Done, Message, Outcome
from echo_common.bus.rabbitmq import RabbitBus
from echo_embedded.broker import RabbitNode
from tests.integration.bus.conftest import Listener, Names, clear, durable, fact, live
from tests.support.eventually import eventually
from tests.support.proxy import Proxy, proxied

PATIENCE = 60.0
CLOSE_SECONDS = 20.0
MOMENTS = 25


@pytest.fixture
def service(names: Names) -> str:
    return names.service("consumer")


@pytest.fixture
def topic(names: Names) -> str:
    return names.topic("thing")


@pytest.fixture
async def publisher(node: RabbitNode) -> AsyncIterator[RabbitBus]:
    bus = await RabbitBus.open(node.url, service="publisher", publish_timeout=2)
    yield bus
    await bus.close()


@pytest.fixture
async def consumer(node: RabbitNode, names: Names, service: str) -> AsyncIterator[RabbitBus]:
    bus = await RabbitBus.open(node.url, service=service, publish_timeout=2)
    yield bus
    await bus.close()
    if node.pid is not None:
        await clear(node.url, names)


@pytest.fixture
async def proxy(rabbitmq: str) -> AsyncIterator[Proxy]:
    """A proxy in front of the shared broker."""
    async with proxied(rabbitmq) as proxy:
        yield proxy


class Outbox:
    """A publisher that repeats each event until it is confirmed, as the relay does."""

    def __init__(self, bus: Bus, topic: str) -> None:
        self._bus = bus
        self._topic = topic
        self.confirmed: set[str] = set()

    async def send(self, count: int, batch: int = 10) -> None:
        for _ in range(0, count, batch):
            messages = [fact(self._topic) for _ in range(batch)]
            await self.send_one_batch(messages)

    async def send_one_batch(self, messages: list[Message]) -> None:
        while True:
            with suppress(BusUnavailableError):
                await self._bus.publish(messages)
                break
            await asyncio.sleep(0.05)
        self.confirmed |= {message.id for message in messages}


async def test_a_killed_broker_loses_nothing(
    node: RabbitNode, publisher: RabbitBus, consumer: RabbitBus, service: str, topic: str
) -> None:
    listener, outbox = Listener(), Outbox(publisher, topic)
    await consumer.consume(durable(service, [topic], listener))
    clock = asyncio.get_running_loop().time
    old_enough = clock() + 2  # a younger queue may lose its leader and what is in it: that is the next story
    while clock() < old_enough:
        await outbox.send(50)
    sending = asyncio.create_task(outbox.send(2000))
    before = len(outbox.confirmed)
    await eventually(lambda: len(outbox.confirmed) > before + 200, within=PATIENCE)
    await node.kill()
    await node.start()
    await sending
    await eventually(lambda: outbox.confirmed <= set(listener.ids), within=PATIENCE)


async def test_queues_declared_just_before_a_crash_work_afterwards(
    node: RabbitNode, publisher: RabbitBus, consumer: RabbitBus, service: str, names: Names
) -> None:
    listener, topics = Listener(), [names.topic(f"thing-{number}") for number in range(6)]
    await consumer.consume(durable(service, topics, listener))
    await node.kill()
    await node.start()
    for topic in topics:
        await Outbox(publisher, topic).send_one_batch([fact(topic, f"evt_{topic}")])
    await eventually(lambda: set(listener.ids) >= {f"evt_{topic}" for topic in topics}, within=PATIENCE)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of queues, or `*`, whose consumers get no response, as from a slow broker."""
    names: set[str] = set()
    consume = aio_pika.queue.Queue.consume

    async def consume_unless_silent(queue: aio_pika.queue.Queue, *args: Any, **options: Any) -> Any:
        if names & {queue.name, "*"}:
            raise TimeoutError
        return await consume(queue, *args, **options)

    monkeypatch.setattr("aio_pika.queue.Queue.consume", consume_unless_silent)
    return names


@pytest.mark.parametrize(("who", "holding"), [("queue", 1), ("broker", 0), ("broker", 1)])
async def test_slow_operations_do_not_replace_a_queue(
    rabbitmq: str, names: Names, silent: set[str], who: str, holding: int
) -> None:
    service, topic, listener = names.service("a"), names.topic("x"), Listener()
    bus = await RabbitBus.open(rabbitmq, service=service, connect_timeout=3)
    try:
        await bus.consume(durable(service, [topic], listener))
        await bus.close()
        async with await aio_pika.connect(rabbitmq) as connection:
            channel = await connection.channel()
            queue, exchange = await channel.get_queue(f"{service}.{topic}"), await channel.get_exchange("echo.events")
            await queue.bind(exchange, mark := names.topic("mark"))  # a new queue of that name would not have it
            for number in range(holding):
                await exchange.publish(aio_pika.Message(b"", message_id=f"evt_{number}"), topic)

            bus = await RabbitBus.open(rabbitmq, service=service, connect_timeout=3)
            silent.add(queue.name if who == "queue" else "*")
            with pytest.raises(BusUnavailableError):
                await bus.consume(durable(service, [topic], listener))
            silent.clear()
            await eventually(lambda: consumes(bus, service, topic, listener), within=PATIENCE)
            await exchange.publish(aio_pika.Message(b"", message_id="evt_mark"), mark)
            await eventually(lambda: len(listener.ids) == holding + 1)
    finally:
        await bus.close()
        await clear(rabbitmq, names)


async def consumes(bus: RabbitBus, service: str, topic: str, listener: Listener) -> bool:
    with suppress(BusUnavailableError):
        await bus.consume(durable(service, [topic], listener))
        return True
    return False


async def test_the_topology_is_declared_again_on_a_wiped_broker(
    node: RabbitNode, publisher: RabbitBus, consumer: RabbitBus, service: str, topic: str
) -> None:
    kept, heard, outbox = Listener(), Listener(), Outbox(publisher, topic)
    await consumer.consume(durable(service, [topic], kept))
    await consumer.consume(live(service, [topic], heard))
    await outbox.send(10)
    await eventually(lambda: outbox.confirmed <= set(kept.ids))
    await node.kill()
    await node.wipe()
    await node.start()
    await outbox.send(100)  # confirmed means: in a queue, not dropped because the queue was not there yet
    await eventually(lambda: outbox.confirmed <= set(kept.ids), within=PATIENCE)
    assert len(heard.got) > 10


async def test_messages_wait_for_an_absent_service(
    node: RabbitNode, publisher: RabbitBus, consumer: RabbitBus, service: str, topic: str
) -> None:
    await consumer.consume(durable(service, [topic], Listener()))
    await consumer.close()
    await publisher.publish([fact(topic, "evt_1")])
    back, listener = await RabbitBus.open(node.url, service=service), Listener()
    try:
        await back.consume(durable(service, [topic], listener))
        await eventually(lambda: [(message.id, message.attempt) for message in listener.got] == [("evt_1", 1)])
    finally:
        await back.close()


async def test_dropped_connections_are_reopened(
    node: RabbitNode, publisher: RabbitBus, consumer: RabbitBus, service: str, topic: str
) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def slow_once(message: Message) -> Outcome:
        entered.set()
        await go.wait()
        return Done()

    listener, outbox = Listener(then=slow_once), Outbox(publisher, topic)
    await consumer.consume(durable(service, [topic], listener))
    await outbox.send_one_batch([fact(topic, "evt_1")])
    await entered.wait()
    await node.ctl("close_all_connections", "test")
    go.set()
    await outbox.send_one_batch([fact(topic, "evt_2")])
    # The first was handled to its end, but could not be acknowledged: it comes again.
    await eventually(lambda: listener.ids.count("evt_1") == 2 and "evt_2" in listener.ids, within=PATIENCE)


async def test_a_deleted_queue_is_declared_again(
    node: RabbitNode, publisher: RabbitBus, consumer: RabbitBus, service: str, topic: str
) -> None:
    listener, outbox = Listener(), Outbox(publisher, topic)
    await consumer.consume(durable(service, [topic], listener))
    await outbox.send(10)
    await node.ctl("delete_queue", f"{service}.{topic}")
    await outbox.send_one_batch([fact(topic, "evt_after")])
    await eventually(lambda: "evt_after" in listener.ids, within=PATIENCE)


async def test_publishing_during_an_outage_fails_in_time(proxy: Proxy, topic: str) -> None:
    publisher = await RabbitBus.open(proxy.url, service="publisher", publish_timeout=2)
    try:
        proxy.away = True
        proxy.cut()
        with pytest.raises(BusUnavailableError):
            await asyncio.wait_for(publisher.publish([fact(topic)]), 8)
        with pytest.raises(BusUnavailableError):
            await asyncio.wait_for(publisher.ping(), 8)
        with pytest.raises(BusUnavailableError):
            await RabbitBus.open(proxy.url, service="late", connect_timeout=0.2)
    finally:
        await publisher.close()


async def open_both_ends(url: str, service: str, topic: str) -> list[RabbitBus]:
    publisher = await RabbitBus.open(url, service="publisher", publish_timeout=2)
    consumer = await RabbitBus.open(url, service=service, publish_timeout=2)
    await consumer.consume(durable(service, [topic], Listener()))
    return [publisher, consumer]


async def close_within(ends: list[RabbitBus], proxy: Proxy, before: set[asyncio.Task[Any]]) -> None:
    """Close both buses; fail when closing takes too long or leaves a task or a connection."""
    async with asyncio.timeout(CLOSE_SECONDS):
        await asyncio.gather(*(end.close() for end in ends))
    await eventually(lambda: not proxy.connections and not leftover(before))


def leftover(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Return new tasks of the bus and its driver, without those of the proxy."""
    return {task for task in asyncio.all_tasks() - before if "Proxy" not in str(task.get_coro())}


@pytest.mark.parametrize("pause", [0.0, 0.02])
async def test_closing_succeeds_at_every_moment_of_a_reconnection(
    pause: float, rabbitmq: str, proxy: Proxy, names: Names, service: str, topic: str
) -> None:
    """Close at each step of the event loop, and over the duration of a reconnection."""
    try:
        for moment in range(MOMENTS):
            before = asyncio.all_tasks()
            ends = await open_both_ends(proxy.url, service, topic)
            proxy.cut()
            for _ in range(moment):
                await asyncio.sleep(pause)
            await close_within(ends, proxy, before)
    finally:
        await clear(rabbitmq, names)


async def test_closing_succeeds_while_the_broker_is_unresponsive(
    rabbitmq: str, proxy: Proxy, names: Names, service: str, topic: str
) -> None:
    try:
        before = asyncio.all_tasks()
        ends = await open_both_ends(proxy.url, service, topic)
        proxy.silent = True
        await close_within(ends, proxy, before)
    finally:
        await clear(rabbitmq, names)


async def test_unresponsive_connections_are_closed_for_the_driver_too(
    rabbitmq: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver closes an open connection when it is collected, which needs a running event loop."""
    opened: list[aio_pika.Connection] = []

    class Recorded(aio_pika.Connection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            opened.append(self)

    monkeypatch.setattr(aio_pika, "Connection", Recorded)
    bus = await RabbitBus.open(proxy.url, service="publisher", publish_timeout=2)
    proxy.silent = True
    await bus.close()
    assert opened
    assert [each for each in opened if not each.is_closed] == []


async def test_a_full_disk_refuses_events_and_keeps_consuming(
    node: RabbitNode, publisher: RabbitBus, consumer: RabbitBus, service: str, topic: str
) -> None:
    go = asyncio.Event()

    async def wait(message: Message) -> Outcome:
        await go.wait()
        return Done()

    listener, outbox = Listener(then=wait), Outbox(publisher, topic)
    await consumer.consume(durable(service, [topic], listener, concurrency=1))
    await publisher.publish([fact(topic, "evt_1"), fact(topic, "evt_2")])
    await eventually(lambda: listener.ids == ["evt_1"])

    await node.ctl("set_disk_free_limit", "9999GB")

    async def refused() -> bool:
        try:
            await asyncio.wait_for(publisher.publish([fact(topic)]), 8)
        except BusUnavailableError:
            return True
        return False

    await eventually(refused, within=PATIENCE)
    go.set()
    await eventually(lambda: listener.ids[:2] == ["evt_1", "evt_2"], within=PATIENCE)

    await node.ctl("set_disk_free_limit", "1MB")
    await outbox.send_one_batch([fact(topic, "evt_after")])
    await eventually(lambda: "evt_after" in listener.ids, within=PATIENCE)


async def test_a_message_that_kills_its_consumers_becomes_a_dead_letter(rabbitmq: str, names: Names) -> None:
    service, topic, dead = names.service("a"), names.topic("x"), Listener()
    bus = await RabbitBus.open(rabbitmq, service=service)
    await bus.consume(durable(service, [topic], Listener()))
    await bus.close()
    async with await aio_pika.connect(rabbitmq) as connection:
        exchange = await (await connection.channel()).get_exchange("echo.events")
        await exchange.publish(aio_pika.Message(b"deadly", message_id="evt_deadly", type=topic), topic)
        for _ in range(DELIVERY_LIMIT + 1):  # as often a consumer takes it and dies
            channel = await connection.channel()
            queue = await channel.get_queue(f"{service}.{topic}", ensure=False)
            assert (await queue.get(timeout=10)).message_id == "evt_deadly"
            await channel.close()

    async def dead_letter(message: Message, error: str) -> Outcome:
        return await dead.deliver(message)

    bus, listener = await RabbitBus.open(rabbitmq, service=service), Listener()
    try:
        await bus.consume(Consumer(service, [topic], listener.deliver, dead_letter=dead_letter))
        await eventually(lambda: dead.ids == ["evt_deadly"])
        assert not listener.got
        assert (dead.got[0].topic, dead.got[0].body) == (topic, b"deadly")
    finally:
        await bus.close()
        await clear(rabbitmq, names)


async def test_foreign_messages_in_a_queue_are_delivered(rabbitmq: str, names: Names) -> None:
    service, topic, listener = names.service("a"), names.topic("x"), Listener()
    bus = await RabbitBus.open(rabbitmq, service=service)
    try:
        await bus.consume(durable(service, [topic], listener))
        async with await aio_pika.connect(rabbitmq) as connection:
            exchange = await (await connection.channel()).get_exchange("echo.events")
            await exchange.publish(aio_pika.Message(b"\x00", headers={"attempt": "many", "list": [1]}), topic)
        await eventually(lambda: len(listener.got) == 1)
        [message] = listener.got
        assert (message.topic, message.version, message.body, message.attempt) == (topic, 0, b"\x00", 1)
    finally:
        await bus.close()
        await clear(rabbitmq, names)
