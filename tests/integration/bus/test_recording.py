"""Events that pass the broker during a backup are recorded; queues are declared before a restored platform starts."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from echo_common.bus.connect import declare_consumers, open_bus, recorded_events
from echo_common.bus.port import Bus, BusUnavailableError, Done, Message, Outcome
from tests.integration.bus.conftest import Listener, Names, clear, durable, fact
from tests.support.eventually import eventually


@pytest.fixture
async def rabbit_bus(rabbitmq: str, names: Names) -> AsyncIterator[Bus]:
    bus = await open_bus(rabbitmq, service="publisher")
    yield bus
    await bus.close()
    await clear(rabbitmq, names)


async def test_durable_events_during_the_recording_are_recorded(rabbitmq: str, names: Names, rabbit_bus: Bus) -> None:
    topic, service, listener = names.topic("voice"), names.service("synthesis"), Listener()
    await rabbit_bus.consume(durable(service, [topic], listener))
    await rabbit_bus.publish([fact(topic, "evt_before")])
    await eventually(lambda: listener.ids == ["evt_before"])
    async with recorded_events(rabbitmq, {service: [topic]}) as recorder:
        assert await recorder.settle(10)
        await rabbit_bus.ping()
        await rabbit_bus.publish([fact(topic, "evt_during"), fact(topic, "evt_notification", transient=True)])
        found: list[Message] = []

        async def arrived() -> bool:
            found.extend([message async for message in recorder.recorded() if message.topic == topic])
            return bool(found)

        await eventually(arrived)

    assert [message.id for message in found] == ["evt_during"]
    assert found[0].headers == {"k": "v"}
    await eventually(lambda: "evt_during" in listener.ids)


async def test_settling_waits_for_events_that_are_not_handled(rabbitmq: str, names: Names, rabbit_bus: Bus) -> None:
    topic, service, release = names.topic("voice"), names.service("synthesis"), asyncio.Event()

    async def blocked(_: Message) -> Outcome:
        await release.wait()
        return Done()

    listener = Listener(then=blocked)
    await rabbit_bus.consume(durable(service, [topic], listener, concurrency=1))
    await rabbit_bus.publish([fact(topic) for _ in range(5)])
    async with recorded_events(rabbitmq, {service: [topic], names.service("absent"): [topic]}) as recorder:
        assert not await recorder.settle(0.5)
        release.set()
        assert await recorder.settle(20)
    assert len(listener.got) == 5


async def test_nothing_is_recorded_in_process() -> None:
    async with recorded_events("inproc://", {}) as recorder:
        assert await recorder.settle(1)
        assert [message async for message in recorder.recorded()] == []
    await declare_consumers("inproc://", {})


async def test_an_unreachable_broker_is_reported() -> None:
    with pytest.raises(BusUnavailableError):
        await declare_consumers("amqp://127.0.0.1:9/", {})
