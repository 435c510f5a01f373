"""The complete feedback service on a free port, with any number of replicas on shared stores, and the events of other services."""

from collections.abc import AsyncIterator, Awaitable, Callable
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
from echo_common.http.server import serving
from echo_common.ids import new_id
from echo_common.service import Process
from echo_common.settings import CommonSettings
from echo_feedback.dependencies import Dependencies
from echo_feedback.main import service
from echo_feedback.settings import FeedbackSettings
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.issuer import Issuer
from tests.support.person import data
from tests.support.receiver import Receiver

SCOPES = "account speech:read speech:write"
SECRET = SecretStr("a secret of thirty-two characters")


def audio_of(user_id: str, audio_id: str | None = None, **fields: Any) -> AudioCreated:
    """Return the event of an audio of ten seconds and twenty words."""
    values: dict[str, Any] = {
        "audio_id": audio_id or new_id("aud"),
        "voice_id": "tone_low",
        "engine": "tone",
        "duration": 10.0,
        "word_count": 20,
        "size_bytes": 1_000,
    }
    return AudioCreated(user_id=user_id, **values | fields)


@dataclass
class FeedbackClient:
    """A client of a replica of the feedback service."""

    http: httpx.AsyncClient
    deps: Dependencies
    issuer: Issuer
    bus: InprocBus
    heard: list[Message]
    user_id: str = "usr_ada"
    scope: str = SCOPES
    headers: dict[str, str] = field(default_factory=dict)

    def acting_as(self, user_id: str, scope: str = SCOPES) -> "FeedbackClient":
        headers = {"Authorization": f"Bearer {self.issuer.token(sub=user_id, scope=scope)}"}
        return FeedbackClient(self.http, self.deps, self.issuer, self.bus, self.heard, user_id, scope, headers)

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.http.request(method, path, **{"headers": self.headers, **more})

    async def get(self, path: str, **query: Any) -> Any:
        return data(await self.ask("GET", path, params=query))

    async def publish(self, *events: DomainEvent) -> None:
        """Publish events as their services do."""
        await self.bus.publish([encode(event) for event in events])

    async def speech(self, **fields: Any) -> str:
        """Publish the event of an audio of the user, and return its id once it is known."""
        event = audio_of(self.user_id, **fields)
        await self.publish(event)

        async def known() -> bool:
            return await self.deps.audios.find(event.audio_id, self.user_id) is not None

        await eventually(known)
        return event.audio_id

    async def rate(self, audio_id: str, rating: int, **fields: Any) -> httpx.Response:
        return await self.ask("POST", "/feedback", json={"audio_id": audio_id, "rating": rating, **fields})

    async def rated(self, audio_id: str, rating: int, **fields: Any) -> dict[str, Any]:
        found: dict[str, Any] = data(await self.rate(audio_id, rating, **fields), 201)
        return found

    def heard_of(self, event_type: type[DomainEvent]) -> list[Any]:
        """Return the published events of a type."""
        return [event_type.model_validate_json(found.body) for found in self.heard if found.topic == event_type.topic]


Start = Callable[..., AbstractAsyncContextManager[FeedbackClient]]


@pytest.fixture
def start(database: Database, tmp_path: Path) -> Start:
    """Function that starts a replica with these settings; `name` is that of its database's folder."""
    broker, issuer = InprocBroker(), Issuer()

    @asynccontextmanager
    async def started(*, prefix: str = "", exclusive: bool = False, **settings: Any) -> AsyncIterator[FeedbackClient]:
        async with AsyncExitStack() as stack:
            common = CommonSettings(
                auth_url=await stack.enter_async_context(issuer.serving(tmp_path)),
                database_url=SecretStr(database.url),
                database_prefix=database.prefix + prefix,
                bus_url=SecretStr("inproc://"),
                objects_url=(tmp_path / "objects").as_uri(),
            )
            heard: list[Message] = []
            bus = InprocBus(broker)
            stack.push_async_callback(bus.close)
            topics = [topic for topic, _ in event_types()]
            await bus.consume(Consumer(new_id("test"), topics, _listener(heard), transient=True))
            feedback = service(FeedbackSettings(**{"secret": SECRET, **settings}))
            app = await stack.enter_async_context(feedback.running(common, Process(broker=broker, exclusive=exclusive)))
            url = await stack.enter_async_context(serving(app, "http://127.0.0.1:0"))
            http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60))
            yield FeedbackClient(http, app.state.dependencies, issuer, bus, heard).acting_as("usr_ada")

    return started


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.listening() as found:
        yield found


@pytest.fixture
async def ada(start: Start) -> AsyncIterator[FeedbackClient]:
    async with start() as client:
        yield client


@pytest.fixture
async def eve(ada: FeedbackClient) -> FeedbackClient:
    return ada.acting_as("usr_eve")


def _listener(heard: list[Message]) -> Callable[[Message], Awaitable[Outcome]]:
    async def listen(message: Message) -> Outcome:
        heard.append(message)
        return Done()

    return listen
