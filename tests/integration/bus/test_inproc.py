"""Guarantees that are specific to the in-process bus."""

import asyncio

import pytest

from echo_common.bus.connect import open_bus
from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.bus.port import BusUnavailableError, Done, Message, Outcome, Retry
from tests.integration.bus.conftest import Listener, durable, fact, live

TOPIC = "thing.happened"


async def test_publishing_waits_for_every_durable_consumer() -> None:
    async def retry_once(message: Message) -> Outcome:
        return Retry(0.01) if message.attempt == 1 else Done()

    broker, quick, slow = InprocBroker(), Listener(), Listener(then=retry_once)
    bus = InprocBus(broker)
    await bus.consume(durable("a", [TOPIC], quick))
    await bus.consume(durable("b", [TOPIC], slow))
    await bus.publish([fact(TOPIC)])
    assert (len(quick.got), len(slow.got)) == (1, 2)


async def test_publishing_does_not_wait_for_transient_consumers() -> None:
    async def hang(_: Message) -> Outcome:
        await asyncio.Event().wait()
        return Done()

    bus = InprocBus(InprocBroker(), grace=0)
    await bus.consume(live("a", [TOPIC], Listener(then=hang)))
    await bus.publish([fact(TOPIC, transient=True)])
    await bus.close()


async def test_events_for_a_stopped_service_remain_with_the_publisher() -> None:
    broker = InprocBroker()
    consumer, publisher = InprocBus(broker), InprocBus(broker)
    await consumer.consume(durable("a", [TOPIC], Listener()))
    await consumer.close()
    with pytest.raises(BusUnavailableError):
        await publisher.publish([fact(TOPIC)])


async def test_publishing_waits_until_every_service_has_started() -> None:
    broker, listener = InprocBroker(held=True), Listener()
    bus = InprocBus(broker)
    publishing = asyncio.create_task(bus.publish([fact(TOPIC)]))
    await asyncio.sleep(0)
    await bus.consume(durable("a", [TOPIC], listener))
    broker.release()
    await publishing
    assert len(listener.got) == 1


async def test_a_process_that_never_starts_refuses_events() -> None:
    bus = InprocBus(InprocBroker(held=True), publish_timeout=0.01)
    with pytest.raises(BusUnavailableError):
        await bus.publish([fact(TOPIC)])


async def test_cancelled_publishers_do_not_cancel_the_handler() -> None:
    entered, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(_: Message) -> Outcome:
        entered.set()
        await go.wait()
        ended.set()
        return Done()

    bus = InprocBus(InprocBroker())
    await bus.consume(durable("a", [TOPIC], Listener(then=work)))
    publishing = asyncio.create_task(bus.publish([fact(TOPIC)]))
    await entered.wait()
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    go.set()
    await bus.close()
    assert ended.is_set()


@pytest.mark.parametrize("url", ["inproc://", "http://localhost", "nonsense"])
async def test_a_url_without_a_bus_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no bus"):
        await open_bus(url, service="a")
