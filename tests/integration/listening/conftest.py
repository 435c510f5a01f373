"""The complete listening service on a free port, with any number of replicas on shared stores, and the events of other services."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from echo_common.bus.delivery import encode
from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.bus.port import Consumer, Done, Message, Outcome
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events.synthesis import AudioCreated
from echo_common.contracts.registry import event_types
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Metric, Plan
from echo_common.http.server import serving
from echo_common.ids import new_id
from echo_common.service import Process
from echo_common.settings import CommonSettings
from echo_listening.dependencies import Dependencies
from echo_listening.domain.tracks import Track
from echo_listening.main import service
from echo_listening.settings import ListeningSettings
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.issuer import Issuer
from tests.support.person import data

SCOPES = "listening:read listening:write"


def audio_of(user_id: str, **fields: Any) -> AudioCreated:
    """Return the event of an audio of ten seconds."""
    audio_id = fields.get("audio_id") or new_id("aud")
    values: dict[str, Any] = {
        "audio_id": audio_id,
        "voice_id": "tone_low",
        "engine": "tone",
        "duration": 10.0,
        "word_count": 20,
        "size_bytes": 1_000,
        "object_key": f"audio/{audio_id}/1.wav",
        "mime": "audio/wav",
    }
    return AudioCreated(user_id=user_id, **values | fields)


@dataclass
class ListeningClient:
    """A client of a replica of the listening service."""

    http: httpx.AsyncClient
    deps: Dependencies
    issuer: Issuer
    bus: InprocBus
    heard: list[Message]
    user_id: str = "usr_ada"
    headers: dict[str, str] = field(default_factory=dict)

    def acting_as(self, user_id: str, scope: str = SCOPES) -> "ListeningClient":
        headers = {"Authorization": f"Bearer {self.issuer.token(sub=user_id, scope=scope)}"}
        return ListeningClient(self.http, self.deps, self.issuer, self.bus, self.heard, user_id, headers)

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.http.request(method, path, **{"headers": self.headers, **more})

    async def get(self, path: str, **query: Any) -> Any:
        return data(await self.ask("GET", path, params=query))

    async def publish(self, *events: DomainEvent) -> None:
        """Publish events as their services do."""
        await self.bus.publish([encode(event) for event in events])

    async def speech(self, **fields: Any) -> dict[str, Any]:
        """Publish the event of an audio of the user, and return its track once it is known."""
        event = audio_of(self.user_id, **fields)
        await self.publish(event)
        path = f"/tracks/{Track.id_of_speech(event.audio_id)}"

        async def known() -> bool:
            return (await self.ask("GET", path)).is_success

        await eventually(known)
        found: dict[str, Any] = await self.get(path)
        return found


Start = Callable[..., AbstractAsyncContextManager[ListeningClient]]


@pytest.fixture
def start(database: Database, tmp_path: Path) -> Start:
    """Function that starts a replica with these settings."""
    broker, issuer = InprocBroker(), Issuer()

    @asynccontextmanager
    async def started(**settings: Any) -> AsyncIterator[ListeningClient]:
        uploads, storage = settings.pop("uploads_a_day", 100), settings.pop("storage_bytes", 0)
        issuer.system_settings = {
            QUOTAS[Metric.UPLOADS][Plan.USER].key: uploads,
            QUOTAS[Metric.STORAGE_BYTES][Plan.USER].key: storage,
        }
        async with AsyncExitStack() as stack:
            common = CommonSettings(
                auth_url=await stack.enter_async_context(issuer.serving(tmp_path)),
                database_url=SecretStr(database.url),
                database_prefix=database.prefix,
                bus_url=SecretStr("inproc://"),
                objects_url=(tmp_path / "objects").as_uri(),
            )
            heard: list[Message] = []

            async def listen(message: Message) -> Outcome:
                heard.append(message)
                return Done()

            bus = InprocBus(broker)
            stack.push_async_callback(bus.close)
            topics = [topic for topic, _ in event_types()]
            await bus.consume(Consumer(new_id("test"), topics, listen, transient=True))
            listening = service(ListeningSettings(**settings))
            app = await stack.enter_async_context(listening.running(common, Process(broker=broker)))
            url = await stack.enter_async_context(serving(app, "http://127.0.0.1:0"))
            http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60))
            yield ListeningClient(http, app.state.dependencies, issuer, bus, heard).acting_as("usr_ada")

    return started


@pytest.fixture
async def ada(start: Start) -> AsyncIterator[ListeningClient]:
    async with start() as client:
        yield client


@pytest.fixture
async def eve(ada: ListeningClient) -> ListeningClient:
    return ada.acting_as("usr_eve")
