"""The complete voice service on a free port, with any number of replicas on shared stores."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from echo_common.auth.principal import Principal
from echo_common.bus.inproc import InprocBroker
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Metric, Plan, Role
from echo_common.http.server import serving
from echo_common.service import Process
from echo_common.settings import CommonSettings
from echo_voice.analysis.run import Analysis, analyse
from echo_voice.dependencies import Dependencies
from echo_voice.main import service
from echo_voice.settings import VoiceSettings
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.issuer import Issuer
from tests.support.person import data
from tests.support.recordings import spoken, wav

ADA = Principal("usr_ada", "ses_1", Plan.USER, Role.USER, frozenset())
SCOPES = "voices:read voices:write"
ATTESTED = {"attested": True}


@dataclass
class VoiceClient:
    """A client of the voice service."""

    http: httpx.AsyncClient
    deps: Dependencies
    issuer: Issuer
    headers: dict[str, str] = field(default_factory=dict)

    def acting_as(self, user_id: str) -> "VoiceClient":
        token = self.issuer.token(sub=user_id, scope=SCOPES)
        return VoiceClient(self.http, self.deps, self.issuer, {"Authorization": f"Bearer {token}"})

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.http.request(method, path, headers=self.headers, **more)

    async def upload(self, content: bytes, name: str = "me.wav", **fields: str) -> httpx.Response:
        return await self.ask("POST", "/voice/samples", files={"file": (name, content)}, data=fields)

    async def sample(self, content: bytes, **fields: str) -> dict[str, Any]:
        """Upload a sample and wait until it is processed."""
        sample_id = data(await self.upload(content, **fields), 201)["sample_id"]
        return await self.processed(sample_id)

    async def processed(self, sample_id: str) -> dict[str, Any]:
        async def ended() -> bool:
            return (await self.get(f"/voice/samples/{sample_id}"))["status"] in {"ready", "rejected"}

        await eventually(ended, within=60)
        sample: dict[str, Any] = await self.get(f"/voice/samples/{sample_id}")
        return sample

    async def clone(self, *sample_ids: str, name: str = "Me", **fields: Any) -> dict[str, Any]:
        body = {"name": name, "sample_ids": sample_ids, "consent": ATTESTED, "config": {"epochs": 2}, **fields}
        receipt: dict[str, Any] = data(await self.ask("POST", "/voice/clones", json=body), 202)
        return receipt

    async def trained(self, clone_id: str) -> dict[str, Any]:
        async def ended() -> bool:
            return (await self.get(f"/voice/clones/{clone_id}"))["status"] not in {"pending", "training"}

        await eventually(ended, within=30)
        clone: dict[str, Any] = await self.get(f"/voice/clones/{clone_id}")
        return clone

    async def get(self, path: str) -> Any:
        return data(await self.ask("GET", path))


@dataclass(frozen=True)
class Analyses:
    """The results of earlier analyses, by content."""

    folder: Path
    known: dict[str, Analysis] = field(default_factory=dict)

    async def analyse(self, source: Path, scratch: Path, settings: VoiceSettings) -> Analysis:
        content = await asyncio.to_thread(source.read_bytes)
        key = hashlib.sha256(content + bytes(settings.recogniser)).hexdigest()
        if key not in self.known:
            analysis = await analyse(source, scratch, settings)
            self.known[key] = replace(analysis, processed=Path(shutil.copy(analysis.processed, self.folder / key)))
        known = self.known[key]
        return replace(known, processed=Path(shutil.copy(known.processed, scratch / "processed.flac")))


Start = Callable[..., AbstractAsyncContextManager[VoiceClient]]


@pytest.fixture(scope="session")
def speech() -> bytes:
    """About twenty seconds of speech in a single voice, as WAV."""
    return wav(spoken())


@pytest.fixture(scope="session")
def analyses(tmp_path_factory: pytest.TempPathFactory) -> Analyses:
    return Analyses(tmp_path_factory.mktemp("analyses"))


@pytest.fixture(autouse=True)
def analyses_in_memory(request: pytest.FixtureRequest, analyses: Analyses, monkeypatch: pytest.MonkeyPatch) -> None:
    """Analyse equal recordings once a run, unless the test is about the analysis."""
    if not request.path.stem.endswith(("samples", "files")):
        monkeypatch.setattr("echo_voice.usecases.samples.analyse", analyses.analyse)


@pytest.fixture
def start(database: Database, tmp_path: Path) -> Start:
    """Function that starts a replica with these settings."""
    broker, issuer = InprocBroker(), Issuer()

    @asynccontextmanager
    async def started(**settings: Any) -> AsyncIterator[VoiceClient]:
        uploads, storage = settings.pop("uploads_a_day", 100), settings.pop("storage_bytes", 0)
        issuer.system_settings = {
            QUOTAS[Metric.UPLOADS][Plan.USER].key: uploads,
            QUOTAS[Metric.STORAGE_BYTES][Plan.USER].key: storage,
        }
        chosen = {"providers": ("tone",), "vectors_url": (tmp_path / "vectors").as_uri(), "recogniser": False, **settings}
        async with AsyncExitStack() as stack:
            common = CommonSettings(
                auth_url=await stack.enter_async_context(issuer.serving(tmp_path)),
                database_url=SecretStr(database.url),
                database_prefix=database.prefix,
                bus_url=SecretStr("inproc://"),
                objects_url=(tmp_path / "objects").as_uri(),
            )
            voice = service(VoiceSettings(models=tmp_path, **chosen))
            app = await stack.enter_async_context(voice.running(common, Process(broker=broker)))
            url = await stack.enter_async_context(serving(app, "http://127.0.0.1:0"))
            http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60))
            quotas = app.state.dependencies.quotas
            limits = [uploads, storage]
            await eventually(lambda: [quotas.limit(metric, ADA) for metric in (Metric.UPLOADS, Metric.STORAGE_BYTES)] == limits)
            yield VoiceClient(http, app.state.dependencies, issuer).acting_as("usr_ada")

    return started


@pytest.fixture
async def ada(start: Start) -> AsyncIterator[VoiceClient]:
    async with start() as voice_client:
        yield voice_client


@pytest.fixture
async def eve(ada: VoiceClient) -> VoiceClient:
    return ada.acting_as("usr_eve")
