"""The complete synthesis service on a free port, with the tone engine."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from echo_common.bus.inproc import InprocBroker
from echo_common.http.server import serving
from echo_common.service import Process
from echo_common.settings import CommonSettings
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.main import service
from echo_synthesis.settings import SynthesisSettings
from tests.support.database import Database
from tests.support.issuer import Issuer

SCOPES = "speech:read speech:write"


@dataclass
class SynthesisServer:
    """A running service, and the issuer of its tokens."""

    url: str
    deps: Dependencies
    issuer: Issuer
    session: aiohttp.ClientSession

    def token(self, user_id: str = "usr_ada", **claims: Any) -> str:
        return self.issuer.token(sub=user_id, **{"scope": SCOPES, **claims})

    def bearer(self, user_id: str = "usr_ada", **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(user_id, **claims)}"}


StartSynthesis = Callable[..., AbstractAsyncContextManager[SynthesisServer]]


@pytest.fixture
def start_synthesis(database: Database, tmp_path: Path) -> StartSynthesis:
    """`async with start_synthesis(**settings) as server`; `system_settings` are those that auth publishes."""
    broker, issuer = InprocBroker(), Issuer()

    @asynccontextmanager
    async def started(*, system_settings: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[SynthesisServer]:
        issuer.system_settings = system_settings or {}
        chosen: dict[str, Any] = {
            "engines": ("tone",),
            "default_voice": "tone_low",
            "workers": 1,
            "models": tmp_path,
            "recogniser": "off",
            **settings,
        }
        async with AsyncExitStack() as stack:
            common = CommonSettings(
                auth_url=await stack.enter_async_context(issuer.serving(tmp_path)),
                database_url=SecretStr(database.url),
                database_prefix=database.prefix,
                bus_url=SecretStr("inproc://"),
                objects_url=(tmp_path / "objects").as_uri(),
            )
            synthesis = service(SynthesisSettings(**chosen))
            app = await stack.enter_async_context(synthesis.running(common, Process(broker=broker)))
            url = await stack.enter_async_context(serving(app, "http://127.0.0.1:0"))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            yield SynthesisServer(url, app.state.dependencies, issuer, session)

    return started


@pytest.fixture
async def synthesis_server(start_synthesis: StartSynthesis) -> AsyncIterator[SynthesisServer]:
    async with start_synthesis() as server:
        yield server
