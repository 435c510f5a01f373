"""Synthesis in process, on a real database and a folder, with the tone engine and any number of replicas."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from echo_common.auth.principal import Principal, Scope
from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.bus.port import Consumer, Done, Message, Outcome
from echo_common.contracts.registry import event_types
from echo_common.contracts.values import Plan, Role
from echo_common.error_reports import ErrorReports
from echo_common.faults import FaultPoints
from echo_common.http.client import ServiceClient
from echo_common.live_settings import LiveSettings
from echo_common.metrics import Metrics
from echo_common.outbox.dead_letters import StoreDeadLetters
from echo_common.outbox.event_batches import EventBatches
from echo_common.outbox.inbox import StoreInbox
from echo_common.outbox.relay import Relay
from echo_common.scratch import Scratch
from echo_common.service import Adapters
from echo_common.storage.filesystem import FolderStorage
from echo_common.storage.port import ObjectStore
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.main import service
from echo_synthesis.settings import SynthesisSettings
from tests.support.database import Database

Replica = Callable[..., AbstractAsyncContextManager[Dependencies]]


def principal_of(user_id: str = "usr_1") -> Principal:
    """Return a principal with all scopes of a user."""
    return Principal(user_id, "ses_1", Plan.USER, Role.USER, frozenset(Scope) - {Scope.ADMIN})


@pytest.fixture
def replica(database: Database, tmp_path: Path) -> Replica:
    """`async with replica(**settings) as dependencies`; replicas share the database, the folder and the bus.

    `objects` is another object store, `heard` a list that gets every event published here. `live_settings` are the system
    settings, `metrics` those of the process. `exclusive` says that no other replica is running.
    """
    broker = InprocBroker()

    @asynccontextmanager
    async def start(
        *,
        objects: ObjectStore | None = None,
        heard: list[Message] | None = None,
        exclusive: bool = False,
        live_settings: LiveSettings | None = None,
        metrics: Metrics | None = None,
        **settings: object,
    ) -> AsyncIterator[Dependencies]:
        chosen: dict[str, Any] = {
            "engines": ("tone",),
            "default_voice": "tone_low",
            "workers": 1,
            "models": tmp_path,
            **settings,
        }
        synthesis = service(SynthesisSettings(**chosen))
        async with AsyncExitStack() as stack:
            store = await database.open("synthesis")
            stack.push_async_callback(store.close)
            bus = InprocBus(broker)
            stack.push_async_callback(bus.close)
            relay = Relay(bus)
            stack.push_async_callback(relay.close)
            auth = await stack.enter_async_context(ServiceClient.open("auth", "http://127.0.0.1:9"))  # nobody asks it
            scratch = stack.enter_context(Scratch.open(tmp_path / "scratch", "synthesis"))
            adapters = Adapters(
                store,
                bus,
                relay,
                objects or FolderStorage(tmp_path / "objects"),
                metrics or Metrics(),
                FaultPoints(),
                auth,
                scratch,
                EventBatches(store, relay),
                ErrorReports("synthesis"),
                live_settings=live_settings or LiveSettings(),
                exclusive=exclusive,
            )
            dependencies = await stack.enter_async_context(synthesis.open(adapters))
            if heard is not None:
                await bus.consume(Consumer("test", [topic for topic, _ in event_types()], _listener(heard)))
            await relay.start()
            inbox, dead_letters = StoreInbox(store), StoreDeadLetters(store)
            await inbox.prepare()
            await dead_letters.prepare()
            for consumer in synthesis.subscriptions.bind("synthesis", dependencies, inbox, dead_letters).consumers():
                await bus.consume(consumer)
            yield dependencies

    return start


def _listener(heard: list[Message]) -> Callable[[Message], Awaitable[Outcome]]:
    async def listen(message: Message) -> Outcome:
        heard.append(message)
        return Done()

    return listen
