"""Events from one service's code to another's: the delivery path, on every bus, with a real inbox and real dead letters."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import ClassVar

import pytest

from echo_common.bus.delivery import CAUSATION, Delivery, ReplayFailedError, RetryPolicy, encode, origin_headers
from echo_common.bus.port import Bus, Message
from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.event import DomainEvent
from echo_common.outbox.dead_letters import StoreDeadLetters
from echo_common.outbox.inbox import StoreInbox
from echo_common.store.port import Store
from tests.integration.bus.conftest import Names, Open
from tests.support.database import Database
from tests.support.eventually import eventually

QUICK = RetryPolicy(attempts=3, first=0.01)


@dataclass
class Service:
    """A service with one event handler that fails on demand."""

    topic: str
    inbox: StoreInbox
    dead_letters: StoreDeadLetters
    fails: bool = False
    got: list[str] = field(default_factory=list)
    caused: list[Message] = field(default_factory=list)
    delivery: Delivery = field(init=False)

    def fact(self, note: str) -> DomainEvent:
        return self.event_type.model_validate({"note": note})

    @property
    def event_type(self) -> type[DomainEvent]:
        class Happened(DomainEvent):
            topic: ClassVar[str] = self.topic
            note: str

        return Happened


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = await database.open()
    yield store
    await store.close()


@pytest.fixture
async def service(open_end: Open, store: Store, names: Names) -> Service:
    """A started service."""
    service = Service(names.topic("thing"), StoreInbox(store), StoreDeadLetters(store))
    await service.inbox.prepare()
    await service.dead_letters.prepare()
    kind = service.event_type
    subscriptions = Subscriptions[Service]()

    @subscriptions.on(kind)
    async def note(event: DomainEvent, deps: Service) -> None:
        deps.got.append(event.model_dump()["note"])
        if deps.fails:
            raise ValueError("told to fail")
        deps.caused.append(encode(kind.model_validate({"note": "caused"}), origin_headers()))

    name = names.service("a")
    types = {(kind.topic, 1): kind}
    service.delivery = subscriptions.bind(name, service, service.inbox, service.dead_letters, policy=QUICK, types=types)
    end = await open_end(name)
    for consumer in service.delivery.consumers():
        await end.consume(consumer)
    return service


async def test_an_event_published_twice_takes_effect_once(bus: Bus, service: Service) -> None:
    first, last = service.fact("first"), service.fact("last")
    await bus.publish([encode(first)])
    await eventually(lambda: service.inbox.seen(first.event_id))
    await bus.publish([encode(first), encode(first)])
    await bus.publish([encode(last)])
    await eventually(lambda: service.inbox.seen(last.event_id))
    assert service.got == ["first", "last"]


async def test_events_recorded_by_a_handler_name_their_cause(bus: Bus, service: Service) -> None:
    event = service.fact("cause")
    await bus.publish([encode(event)])
    await eventually(lambda: len(service.caused) == 1)
    assert service.caused[0].headers[CAUSATION] == event.event_id


async def test_a_failing_event_becomes_a_dead_letter_and_can_be_replayed(bus: Bus, service: Service) -> None:
    service.fails = True
    event = service.fact("poison")
    await bus.publish([encode(event, {"traceparent": "00-1"})])

    async def buried() -> bool:
        return len(await service.dead_letters.list()) == 1

    await eventually(buried, within=20)
    assert service.got == ["poison"] * QUICK.attempts
    [letter] = await service.delivery.dead_letters.list(topic=service.topic)
    assert (letter.id, letter.attempts) == (event.event_id, QUICK.attempts)
    assert "told to fail" in letter.error

    with pytest.raises(ReplayFailedError):
        await service.delivery.replay(letter.id)
    assert await service.dead_letters.get(letter.id) == letter

    service.got.clear()
    service.fails = False
    await service.delivery.replay(letter.id)
    assert service.got == ["poison"]
    assert not await service.dead_letters.list()


async def test_failing_events_do_not_affect_others(bus: Bus, service: Service) -> None:
    garbage = replace(encode(service.fact("never")), body=b"\xff")
    await bus.publish([garbage, *(encode(service.fact(str(number))) for number in range(50))])
    await eventually(lambda: len(service.got) == 50)

    async def buried() -> bool:
        return [letter.message.body for letter in await service.dead_letters.list()] == [b"\xff"]

    await eventually(buried)
