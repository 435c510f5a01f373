"""Behaviour suite of the bus port. Handlers are raw; `test_delivery.py` tests the delivery path."""

import asyncio
from dataclasses import replace

import pytest

from echo_common.bus.connect import declare_consumers, open_bus
from echo_common.bus.inproc import InprocBroker
from echo_common.bus.port import DELIVERY_LIMIT, Bus, BusUnavailableError, Consumer, Done, Message, Outcome, Retry
from tests.integration.bus.conftest import Listener, Names, Open, clear, durable, fact, live
from tests.support.eventually import eventually


@pytest.mark.slow
async def test_messages_arrive_complete(bus: Bus, open_end: Open, names: Names) -> None:
    service, topic, listener = names.service("a"), names.topic("x"), Listener()
    await (await open_end(service)).consume(durable(service, [topic], listener))
    sent = Message("evt_1", topic, 3, b"\x00bytes\xff", headers={"traceparent": "00-ab", "causation-id": "evt_0"})
    await bus.publish([sent])
    await eventually(lambda: listener.got == [sent])


@pytest.mark.slow
async def test_messages_without_subscribers_are_no_error(bus: Bus, names: Names) -> None:
    await bus.publish([fact(names.topic("unwanted")), fact(names.topic("unwanted"), transient=True)])


async def test_messages_published_before_the_first_start_of_a_known_consumer_arrive(
    adapter: str, names: Names, request: pytest.FixtureRequest
) -> None:
    """In process, the broker holds messages until all services have started; a remote one has the queues of all consumers."""
    service, topic, listener = names.service("a"), names.topic("x"), Listener()
    url = "inproc://" if adapter == "inproc" else request.getfixturevalue("rabbitmq")
    broker = InprocBroker(held=True)
    await declare_consumers(url, {service: [topic]})
    publisher, consumer = [await open_bus(url, service=name, broker=broker) for name in ("publisher", service)]
    try:
        publishing = asyncio.create_task(publisher.publish([fact(topic, "evt_early")]))
        await asyncio.wait({publishing}, timeout=0.2 if adapter == "inproc" else 10)
        await consumer.consume(durable(service, [topic], listener))
        broker.release()
        await publishing
        await eventually(lambda: listener.ids == ["evt_early"])
    finally:
        await asyncio.gather(publisher.close(), consumer.close())
        if adapter == "rabbitmq":
            await clear(url, names)


async def test_a_bus_tells_whether_it_is_connected(bus: Bus) -> None:
    await bus.ping()
    assert bus.connected
    await bus.close()
    assert not bus.connected


async def test_publishing_no_messages_succeeds(bus: Bus) -> None:
    await bus.publish([])


async def test_every_service_gets_every_message(bus: Bus, open_end: Open, names: Names) -> None:
    topic, first, second = names.topic("x"), Listener(), Listener()
    for name, listener in (("a", first), ("b", second)):
        service = names.service(name)
        await (await open_end(service)).consume(durable(service, [topic], listener))
    messages = [fact(topic) for _ in range(20)]
    await bus.publish(messages)
    wanted = {message.id for message in messages}
    await eventually(lambda: set(first.ids) == set(second.ids) == wanted)


async def test_a_service_gets_only_its_topics(bus: Bus, open_end: Open, names: Names) -> None:
    service, wanted, other, listener = names.service("a"), names.topic("x"), names.topic("y"), Listener()
    end = await open_end(service)
    await end.consume(durable(service, [wanted], listener))
    await bus.publish([fact(other, "evt_other"), fact(wanted, "evt_wanted")])
    await eventually(lambda: listener.ids == ["evt_wanted"])


async def test_replicas_of_a_service_share_messages(bus: Bus, open_end: Open, names: Names) -> None:
    service, topic, replicas = names.service("a"), names.topic("x"), [Listener(), Listener()]
    for listener in replicas:
        await (await open_end(service)).consume(durable(service, [topic], listener, concurrency=2))
    messages = [fact(topic) for _ in range(100)]
    await bus.publish(messages)
    await eventually(lambda: sum(len(listener.got) for listener in replicas) == len(messages))
    assert {i for listener in replicas for i in listener.ids} == {message.id for message in messages}
    assert all(listener.got for listener in replicas)


async def test_every_connected_replica_receives_transient_messages(bus: Bus, open_end: Open, names: Names) -> None:
    service, topic, replicas = names.service("a"), names.topic("x"), [Listener(), Listener()]
    for listener in replicas:
        await (await open_end(service)).consume(live(service, [topic], listener))
    messages = [fact(topic, transient=transient) for transient in (True, False)]
    await bus.publish(messages)
    for listener in replicas:
        await eventually(lambda listener=listener: set(listener.ids) == {m.id for m in messages})  # type: ignore[misc]


async def test_transient_messages_are_not_stored_for_absent_replicas(bus: Bus, open_end: Open, names: Names) -> None:
    service, topic = names.service("a"), names.topic("x")
    end = await open_end(service)
    await end.consume(live(service, [topic], Listener()))
    await end.close()
    await bus.publish([fact(topic, "evt_missed", transient=True)])

    back = Listener()
    await (await open_end(service)).consume(live(service, [topic], back))
    await bus.publish([fact(topic, "evt_seen", transient=True)])
    await eventually(lambda: back.ids == ["evt_seen"])


async def test_a_retry_delays_only_its_own_message(bus: Bus, open_end: Open, names: Names) -> None:
    service, topic = names.service("a"), names.topic("x")

    async def first_time_retry(message: Message) -> Outcome:
        return Retry(0.2) if message.id == "evt_slow" and message.attempt < 3 else Done()

    listener = Listener(then=first_time_retry)
    await (await open_end(service)).consume(durable(service, [topic], listener, concurrency=1))
    await bus.publish([fact(topic, "evt_slow"), *(fact(topic, f"evt_{n}") for n in range(5))])
    await eventually(lambda: len(listener.got) == 8)
    attempts = [message.attempt for message in listener.got if message.id == "evt_slow"]
    assert attempts == [1, 2, 3]
    assert listener.ids[-1] == "evt_slow"
    assert set(listener.ids[1:6]) == {f"evt_{n}" for n in range(5)}


async def test_retried_messages_keep_body_and_headers(bus: Bus, open_end: Open, names: Names) -> None:
    service, topic = names.service("a"), names.topic("x")

    async def retry_once(message: Message) -> Outcome:
        return Retry(0.1) if message.attempt == 1 else Done()

    listener = Listener(then=retry_once)
    await (await open_end(service)).consume(durable(service, [topic], listener))
    sent = fact(topic)
    await bus.publish([sent])
    await eventually(lambda: listener.got == [sent, replace(sent, attempt=2)])


async def test_consumer_bugs_cause_a_redelivery(bus: Bus, open_end: Open, names: Names) -> None:
    service, topic = names.service("a"), names.topic("x")

    async def stumble(message: Message) -> Outcome:
        if message.attempt < 3:
            raise RuntimeError("a bug beneath the delivery path")
        return Done()

    listener = Listener(then=stumble)
    await (await open_end(service)).consume(durable(service, [topic], listener))
    await bus.publish([fact(topic)])
    await eventually(lambda: [message.attempt for message in listener.got] == [1, 2, 3])


@pytest.mark.slow
async def test_a_deadly_message_becomes_a_dead_letter(bus: Bus, open_end: Open, names: Names) -> None:
    service, topic, dead = names.service("a"), names.topic("x"), Listener()

    async def always_stumble(message: Message) -> Outcome:
        raise RuntimeError("deadly")

    async def dead_letter(message: Message, error: str) -> Outcome:
        return await dead.deliver(message)

    listener = Listener(then=always_stumble)
    await (await open_end(service)).consume(Consumer(service, [topic], listener.deliver, dead_letter=dead_letter))
    await bus.publish([fact(topic, "evt_deadly")])
    await eventually(lambda: dead.ids == ["evt_deadly"], within=30)
    assert len(listener.got) >= DELIVERY_LIMIT
    assert dead.got[0].topic == topic


async def test_messages_of_a_stopped_replica_are_redelivered(bus: Bus, open_end: Open, names: Names) -> None:
    service, topic, entered = names.service("a"), names.topic("x"), asyncio.Event()

    async def hang(message: Message) -> Outcome:
        entered.set()
        await asyncio.Event().wait()
        return Done()

    dying, heir = await open_end(service), Listener()
    await dying.consume(durable(service, [topic], Listener(then=hang)))
    publishing = asyncio.create_task(bus.publish([fact(topic, "evt_1")]))
    await entered.wait()
    await (await open_end(service)).consume(durable(service, [topic], heir))
    dying._grace = 0.05  # type: ignore[attr-defined]
    await dying.close()
    await eventually(lambda: heir.ids == ["evt_1"])
    await publishing


async def test_closing_waits_for_handlers(bus: Bus, open_end: Open, names: Names) -> None:
    service, topic, entered, go, ended = names.service("a"), names.topic("x"), asyncio.Event(), asyncio.Event(), []

    async def work(message: Message) -> Outcome:
        entered.set()
        await go.wait()
        ended.append(message.id)
        return Done()

    end = await open_end(service)
    await end.consume(durable(service, [topic], Listener(then=work)))
    publishing = asyncio.create_task(bus.publish([fact(topic, "evt_1")]))
    await entered.wait()
    closing = asyncio.create_task(end.close())
    go.set()
    await closing
    assert ended == ["evt_1"]
    await publishing


async def test_handler_concurrency_is_limited(bus: Bus, open_end: Open, names: Names) -> None:
    service, topics = names.service("a"), [names.topic("x"), names.topic("y")]
    running = most = 0

    async def work(message: Message) -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return Done()

    listener = Listener(then=work)
    await (await open_end(service)).consume(durable(service, topics, listener, concurrency=3))
    await bus.publish([fact(topic) for topic in topics for _ in range(50)])
    await eventually(lambda: len(listener.got) == 100 and running == 0)
    assert most <= 3


async def test_a_handler_may_publish_to_its_own_topic(open_end: Open, names: Names) -> None:
    service, topic = names.service("a"), names.topic("x")
    end = await open_end(service)

    async def pass_on(message: Message) -> Outcome:
        if message.id == "evt_1":
            await end.publish([fact(topic, "evt_2")])
        return Done()

    listener = Listener(then=pass_on)
    await end.consume(durable(service, [topic], listener, concurrency=1))
    await end.publish([fact(topic, "evt_1")])
    await eventually(lambda: listener.ids == ["evt_1", "evt_2"])


async def test_a_thousand_messages_arrive(bus: Bus, open_end: Open, names: Names) -> None:
    service, topic, listener = names.service("a"), names.topic("x"), Listener()
    await (await open_end(service)).consume(durable(service, [topic], listener))
    messages = [fact(topic) for _ in range(1000)]
    await bus.publish(messages)
    await eventually(lambda: len(set(listener.ids)) == 1000, within=30)
    assert set(listener.ids) == {message.id for message in messages}


async def test_a_closed_bus_refuses_messages(open_end: Open, names: Names) -> None:
    end = await open_end()
    await end.ping()
    await end.close()
    with pytest.raises(BusUnavailableError):
        await end.ping()
    with pytest.raises(BusUnavailableError):
        await end.publish([fact(names.topic("x"))])
