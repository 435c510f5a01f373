"""P7: throughput of the outbox relay."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, cast

import aio_pika

from bench.figure import Figure, NotMeasuredError
from bench.stage import Stage
from echo_common.bus import topology
from echo_common.bus.port import Message
from echo_common.bus.rabbitmq import RabbitBus
from echo_common.clock import now
from echo_common.outbox.documents import OUTBOX, OUTBOX_AT, to_entry
from echo_common.outbox.relay import Relay
from echo_common.store.connect import open_store
from echo_common.store.port import Collection, Document, Filter, Index
from echo_embedded.broker import local_node

_EVENTS = 2_000
_WINDOW = 512
_TOPIC = "bench.happened"
_BODY = b'{"said":"' + b"x" * 300 + b'"}'
"""A body as long as that of a job's event."""

_QUEUE = topology.durable_queue("bench", _TOPIC)


class _Memory:
    """Outboxes without a database, with the methods that a relay uses."""

    name = "memory"

    def __init__(self, documents: Sequence[Document]) -> None:
        self._waiting = {document["_id"]: document for document in documents}

    async def find(self, where: Filter, *, limit: int = 0, **_: Any) -> AsyncIterator[Document]:
        for document in list(self._waiting.values())[:limit]:
            yield document

    async def update_many(self, where: Filter, update: Any) -> int:
        return sum(self._waiting.pop(key, None) is not None for key in where["_id"]["$in"])


class _Watched:
    """A wrapper that signals when all outboxes are empty; polling the database would cost more than the relay itself."""

    def __init__(self, outboxes: "Collection | _Memory", waiting: int) -> None:
        self.name = outboxes.name
        self.find = outboxes.find
        self.empty = asyncio.Event()
        self._outboxes = outboxes
        self._waiting = waiting

    async def update_many(self, where: Filter, update: Any) -> int:
        emptied = await self._outboxes.update_many(where, update)
        self._waiting -= emptied
        if self._waiting <= 0:
            self.empty.set()
        return emptied


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Measure with a private RabbitMQ. Each event is the only one of its aggregate, which is the worst case for a relay."""
    in_database, in_memory, rates, inserts = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as broker, tempfile.TemporaryDirectory(prefix="echo-bench-") as data:
        node = local_node(Path(broker))
        if node is None:
            raise NotMeasuredError("RabbitMQ is not installed")
        try:
            await node.start()
            store = await open_store(f"sqlite://{data}", "bench")
            outboxes = store.collection("outboxes")
            await outboxes.ensure([Index([(OUTBOX_AT, 1)], sparse=True)])
            async with await aio_pika.connect(node.url) as connection:
                bus = await RabbitBus.open(node.url, service="bench", window=_WINDOW)
                exchange, queue = await _queue(connection)
                for number in range(rounds + 1):
                    documents = _documents(number)
                    bare = await _bare(exchange)
                    await queue.purge()
                    free = await _relayed(bus, _Memory(documents))
                    await queue.purge()
                    inserted = await _insert(outboxes, documents)
                    stored = await _relayed(bus, outboxes)
                    await queue.purge()
                    if number:  # the first round warms up
                        in_memory.append(free / bare)
                        in_database.append(stored / bare)
                        rates.append(stored)
                        inserts.append(inserted)
                await bus.close()
            await store.close()
        finally:
            node.end()
    return [
        Figure("P7", "Relay ÷ bare confirmed publish, outboxes in memory", in_memory, at_least=0.6, note="the relay itself"),
        Figure(
            "P7",
            "the same, outboxes in the embedded database",
            in_database,
            at_least=0.6,
            note="with SecantusDB, before: 0.151",
        ),
        Figure("rate", "Events from the embedded database to RabbitMQ", rates, "/s", note="with SecantusDB, before: 1041 /s"),
        Figure(
            "rate",
            "The embedded database alone: documents saved, 32 at once",
            inserts,
            "/s",
            note="with SecantusDB, before: 1395 /s",
        ),
    ]


async def _queue(
    connection: aio_pika.abc.AbstractConnection,
) -> tuple[aio_pika.abc.AbstractExchange, aio_pika.abc.AbstractQueue]:
    channel = await connection.channel(publisher_confirms=True)
    exchange = await channel.declare_exchange(topology.EVENTS, aio_pika.ExchangeType.TOPIC, durable=True)
    queue = await channel.declare_queue(_QUEUE.name, durable=True, arguments=dict(_QUEUE.arguments))
    await queue.bind(exchange, _TOPIC)
    return exchange, queue


def _documents(number: int) -> list[Document]:
    messages = [Message(f"evt_{number}_{place}", _TOPIC, 1, _BODY) for place in range(_EVENTS)]
    return [{"_id": f"agg_{message.id}", "version": 1, OUTBOX: [to_entry(message)], OUTBOX_AT: now()} for message in messages]


async def _insert(outboxes: Collection, documents: Sequence[Document]) -> float:
    """Insert the documents and return the documents per second."""
    writers = asyncio.Semaphore(32)

    async def insert(document: Document) -> None:
        async with writers:
            await outboxes.insert(document)

    started = time.perf_counter()
    await asyncio.gather(*(insert(document) for document in documents))
    return len(documents) / (time.perf_counter() - started)


async def _bare(exchange: aio_pika.abc.AbstractExchange) -> float:
    """Publish with the bare driver, confirmed and with a concurrency of one window; return the events per second."""
    window = asyncio.Semaphore(_WINDOW)

    async def publish(number: int) -> None:
        async with window:
            message = aio_pika.Message(_BODY, message_id=str(number), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await exchange.publish(message, _TOPIC)

    started = time.perf_counter()
    await asyncio.gather(*(publish(number) for number in range(_EVENTS)))
    return _EVENTS / (time.perf_counter() - started)


async def _relayed(bus: RabbitBus, outboxes: Collection | _Memory) -> float:
    """Relay until all outboxes are empty; return the events per second."""
    relay = Relay(bus, window=_WINDOW)
    watched = _Watched(outboxes, _EVENTS)
    relay.watch(cast("Collection", watched))
    started = time.perf_counter()
    await relay.start()
    await watched.empty.wait()
    took = time.perf_counter() - started
    await relay.close()
    return _EVENTS / took
