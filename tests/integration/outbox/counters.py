"""An aggregate for tests, its repository, and a bus that records events."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum
from typing import ClassVar

from pydantic import BaseModel, Field

from echo_common.aggregate import Aggregate
from echo_common.bus.port import BusUnavailableError, Consumer, Message
from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.errors import NotFoundError
from echo_common.outbox.relay import Relay
from echo_common.outbox.repository import Repository
from echo_common.store.port import Index, Store


class Counted(DomainEvent):
    topic: ClassVar[str] = "test.counted"
    counter_id: str
    value: int


class CounterNotFoundError(NotFoundError):
    code = "COUNTER_NOT_FOUND"


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    name: str
    colours: tuple[Colour, ...] = ()


class Counter(Aggregate):
    user_id: str = "usr_1"
    value: int = 0
    colour: Colour = Colour.RED
    parts: list[Part] = Field(default_factory=list)
    tags: frozenset[str] = frozenset()
    blob: bytes = b""
    nickname: str | None = None
    needed: str | None
    shade: str | None = "dark"

    def count(self) -> None:
        self.value += 1
        self.record(Counted(counter_id=self.id, value=self.value))


class Counters(Repository[Counter]):
    aggregate = Counter
    name = "counters"
    missing = CounterNotFoundError
    indexes: ClassVar[Sequence[Index]] = (Index([("nickname", 1)], unique=True),)


class RecordingBus:
    """A bus that records events and can be unavailable, slow, or fail after publishing."""

    def __init__(self) -> None:
        self.published: list[Message] = []
        self.consumers: list[Consumer] = []
        self.away = False
        self.attempts = 0
        self.open = asyncio.Event()
        self.open.set()
        self.in_flight = 0
        self.most_in_flight = 0

    @property
    def connected(self) -> bool:
        return not self.away

    async def publish(self, messages: Sequence[Message]) -> None:
        self.attempts += 1
        self.in_flight += len(messages)
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        try:
            await self.open.wait()
            if self.away:
                raise BusUnavailableError
            self.published += messages
        finally:
            self.in_flight -= len(messages)

    async def consume(self, consumer: Consumer) -> None:
        self.consumers.append(consumer)

    async def ping(self) -> None:
        return

    async def close(self) -> None:
        return

    def values(self, counter_id: str) -> list[int]:
        """Return the published values of a counter, in order."""
        events = [Counted.model_validate_json(message.body) for message in self.published]
        return [event.value for event in events if event.counter_id == counter_id]


def new_counter(key: str, *, counts: int = 0, nickname: str | None = None) -> Counter:
    counter = Counter(id=key, needed=None, nickname=nickname)
    for _ in range(counts):
        counter.count()
    return counter


async def another_replica(store: Store) -> Counters:
    """A replica that dies before its relay runs."""
    return Counters(store, Relay(RecordingBus()))


async def make_older(store: Store) -> None:
    """Make pending events one hour older."""
    documents = store.collection("counters")
    async for document in documents.find({"outbox_at": {"$exists": True}}):
        await documents.update_one({"_id": document["_id"]}, {"$set": {"outbox_at": now() - timedelta(hours=1)}})


async def all_outboxes_empty(store: Store) -> bool:
    documents = store.collection("counters")
    return not await documents.count({"outbox": {"$exists": True}}) + await documents.count({"outbox_at": {"$exists": True}})
