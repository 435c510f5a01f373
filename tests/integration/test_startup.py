"""Tests of services that start while the broker or the database is unavailable."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from echo_common.bus.delivery import encode
from echo_common.bus.rabbitmq import RabbitBus
from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.events.auth import UserRegistered
from echo_common.contracts.values import Plan, Role
from echo_common.service import Adapters, Process, Service
from echo_common.settings import CommonSettings
from echo_embedded.database import EmbeddedDatabase
from echo_embedded.ports import free_port
from tests.integration.bus.conftest import Names, clear
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.proxy import Proxy, proxied

pytestmark = pytest.mark.slow


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
async def broker(rabbitmq: str, names: Names) -> AsyncIterator[Proxy]:
    """A proxy in front of a broker."""
    async with proxied(rabbitmq) as proxy:
        yield proxy
    await clear(rabbitmq, names)


def listening_service(names: Names, heard: list[str]) -> Service[None]:
    """A service that records events."""
    subscriptions = Subscriptions[None]()

    @subscriptions.on(UserRegistered)
    async def note(event: UserRegistered, _: None) -> None:
        heard.append(event.event_id)

    @asynccontextmanager
    async def opened(_: Adapters) -> AsyncIterator[None]:
        yield None

    names.topics.add(UserRegistered.topic)
    return Service(names.service("late"), opened, [], subscriptions)


async def test_a_service_serves_without_a_broker_and_receives_events_later(
    database: Database, broker: Proxy, rabbitmq: str, names: Names, tmp_path: Path
) -> None:
    heard: list[str] = []
    service = listening_service(names, heard)
    settings = CommonSettings.model_validate(
        {
            "database_url": database.url,
            "database_prefix": database.prefix,
            "bus_url": broker.url,
            "objects_url": tmp_path.as_uri(),
            "auth_url": "http://127.0.0.1:1",
        }
    )
    broker.away = True
    async with service.running(settings, Process()) as app:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://late") as http:
            assert (await http.get("/healthz")).status_code == 200
            unready = await http.get("/readyz")
            assert unready.status_code == 503
            states = {name: part["status"] for name, part in unready.json()["parts"].items()}
            assert states == {"database": "ok", "bus": "down", "storage": "ok"}

            broker.away = False

            async def ready() -> bool:
                return (await http.get("/readyz")).status_code == 200

            await eventually(ready, within=30)
        event = UserRegistered(user_id="usr_ada", plan=Plan.USER, role=Role.USER)
        publisher = await RabbitBus.open(rabbitmq, service="publisher")
        try:
            await publisher.publish([encode(event)])
            await eventually(lambda: heard == [event.event_id])
        finally:
            await publisher.close()


@asynccontextmanager
async def feedback_process(
    folder: Path, **settings: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    """The smallest service in a child process."""
    url = f"http://127.0.0.1:{free_port()}"
    required = {"ECHO_LISTEN": url, "ECHO_OBJECTS_URL": folder.as_uri(), "ECHO_FEEDBACK_SECRET": "a secret of this test " * 3}
    environment = {**os.environ, **required, **settings}
    with (folder / "feedback.jsonl").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "echo_feedback"), env=environment, cwd=folder, stdout=log, stderr=log
        )
    try:
        async with httpx.AsyncClient(base_url=url, timeout=5) as http:
            yield process, http
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_service_waits_for_its_database_and_reports_it(tmp_path: Path) -> None:
    port = free_port()
    url = f"mongodb://127.0.0.1:{port}/?directConnection=true&retryWrites=false"
    settings = {"ECHO_DATABASE_URL": url, "ECHO_BUS_URL": f"amqp://127.0.0.1:{free_port()}/"}
    async with feedback_process(tmp_path, **settings) as (process, http):

        async def reasons() -> str:
            with suppress(httpx.TransportError):
                ready = await http.get("/readyz")
                assert ready.status_code == 503
                return " ".join(str(part["reason"]) for part in ready.json()["parts"].values())
            return ""

        async def names_the_database() -> bool:
            return "database is not reachable" in await reasons()

        await eventually(names_the_database, within=60)
        refused = await http.post("/anything")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert int(refused.headers["Retry-After"]) > 0
        assert (await http.get("/healthz")).status_code == 200

        server = EmbeddedDatabase(tmp_path / "database", port=port)
        await server.start()
        try:

            async def only_the_bus_is_missing() -> bool:
                parts = (await http.get("/readyz")).json()["parts"]
                return {name for name, part in parts.items() if part["status"] != "ok"} == {"bus"}

            await eventually(only_the_bus_is_missing, within=60)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0
        finally:
            await server.stop()


async def test_a_service_that_waits_for_its_database_can_be_stopped(tmp_path: Path) -> None:
    settings = {"ECHO_DATABASE_URL": f"mongodb://127.0.0.1:{free_port()}/", "ECHO_BUS_URL": f"amqp://127.0.0.1:{free_port()}/"}
    async with feedback_process(tmp_path, **settings) as (process, http):

        async def waits() -> bool:
            with suppress(httpx.TransportError):
                return (await http.get("/readyz")).status_code == 503
            return False

        await eventually(waits, within=60)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
