"""Fixtures that run each test of the bus on every adapter."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import aio_pika
import pytest
from aio_pika.exceptions import AMQPError

from echo_common.bus.connect import open_bus
from echo_common.bus.inproc import InprocBroker
from echo_common.bus.port import Bus, Consumer, Done, Message, Outcome
from echo_embedded.backup.parts import CONSUMERS

Deliver = Callable[[Message], Awaitable[Outcome]]


@dataclass
class Listener:
    """A consumer that records messages."""

    got: list[Message] = field(default_factory=list)
    then: Deliver | None = None

    async def deliver(self, message: Message) -> Outcome:
        self.got.append(message)
        return Done() if self.then is None else await self.then(message)

    @property
    def ids(self) -> list[str]:
        return [message.id for message in self.got]


class Open(Protocol):
    """Function that opens a service's connection to the bus, closed after the test."""

    async def __call__(self, service: str = "publisher") -> Bus: ...


class Names:
    """Unique names, because tests may share a broker."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(4)
        self.services: set[str] = set()
        self.topics: set[str] = set()

    def service(self, name: str) -> str:
        self.services.add(found := f"{name}-{self._token}")
        return found

    def topic(self, name: str) -> str:
        self.topics.add(found := f"{name}-{self._token}.happened")
        return found


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture(params=["inproc", "rabbitmq"])
def adapter(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def open_end(adapter: str, names: Names, request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    url = "inproc://" if adapter == "inproc" else request.getfixturevalue("rabbitmq")
    broker = InprocBroker() if adapter == "inproc" else None
    opened: list[Bus] = []

    async def open_one(service: str = "publisher") -> Bus:
        opened.append(bus := await open_bus(url, service=service, broker=broker))
        return bus

    yield open_one
    await asyncio.gather(*(bus.close() for bus in opened))
    if adapter == "rabbitmq":
        await clear(url, names)


@pytest.fixture
async def bus(open_end: Open) -> Bus:
    """The connection of the publisher."""
    return await open_end()


def durable(service: str, topics: Sequence[str], listener: Listener, concurrency: int = 16) -> Consumer:
    return Consumer(service, topics, listener.deliver, concurrency=concurrency)


def live(service: str, topics: Sequence[str], listener: Listener) -> Consumer:
    return Consumer(service, topics, listener.deliver, transient=True)


def fact(topic: str, identity: str | None = None, *, transient: bool = False) -> Message:
    return Message(identity or f"evt_{secrets.token_hex(8)}", topic, 1, b"{}", transient=transient, headers={"k": "v"})


def consumers_of(topic: str) -> list[str]:
    """Return the services with a durable queue for a topic."""
    return [service for service, topics in CONSUMERS.items() if topic in topics]


async def clear(url: str, names: Names) -> None:
    connection = await aio_pika.connect(url)
    for service in names.services:
        for queue in [f"{service}.dead", *(f"{service}.{topic}" for topic in names.topics)]:
            channel = await connection.channel()
            try:
                await channel.queue_delete(queue)
                await channel.close()
            except AMQPError:
                continue
    await connection.close()
