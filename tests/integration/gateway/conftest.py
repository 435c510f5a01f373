"""The complete gateway on a free port, with a scripted service behind it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.contracts.system_settings import ANONYMOUS_REQUESTS, CREDENTIAL_REQUESTS, REQUESTS_PER_MINUTE
from echo_common.http.client import ServiceClient
from echo_common.service import Process
from echo_common.settings import CommonSettings
from echo_gateway.dependencies import Dependencies
from echo_gateway.main import service
from echo_gateway.settings import GatewaySettings
from tests.support.eventually import eventually
from tests.support.issuer import Issuer
from tests.support.upstream import Upstream

LIMITS = {f"limit_{plan}": setting for plan, setting in REQUESTS_PER_MINUTE.items()} | {
    "limit_anonymous": ANONYMOUS_REQUESTS,
    "limit_credentials": CREDENTIAL_REQUESTS,
}
"""System settings by the argument of `start` that sets them."""

EVERYTHING = "account speech:read speech:write voices:read voices:write"


@dataclass(frozen=True)
class Gateway:
    """The gateway, with a client that has all permissions."""

    url: str
    internal: str
    session: aiohttp.ClientSession
    deps: Dependencies
    bus: InprocBus
    issuer: Issuer

    def bearer(self, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(**{'scope': EVERYTHING} | claims)}"}

    def ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        return self.session.request(method, self.url + path, headers=self.bearer() if headers is None else headers, **more)

    async def operate(self, path: str) -> bytes:
        """Return the response of the internal listener."""
        async with (
            ServiceClient.open("gateway", self.internal) as client,
            client.session.get(client.next_replicas()[0] + path) as response,
        ):
            return await response.read()


Start = Callable[..., AbstractAsyncContextManager[Gateway]]


@pytest.fixture
async def synthesis() -> Upstream:
    return Upstream()


@pytest.fixture
async def voice() -> Upstream:
    return Upstream()


@pytest.fixture
def start(database: Any, tmp_path: Path, synthesis: Upstream, voice: Upstream) -> Start:
    """Function that starts a gateway, or another replica of it, with these settings."""

    issuer = Issuer()

    @asynccontextmanager
    async def started(**settings: Any) -> AsyncIterator[Gateway]:
        broker = InprocBroker()
        async with AsyncExitStack() as stack:
            behind = settings.pop("synthesis_url", None) or await stack.enter_async_context(synthesis.serving())
            beside = settings.pop("voice_url", None) or await stack.enter_async_context(voice.serving())
            common = CommonSettings(
                auth_url=await stack.enter_async_context(issuer.serving(tmp_path)),
                database_url=SecretStr(database.url),
                database_prefix=database.prefix,
                bus_url=SecretStr("inproc://"),
                objects_url=f"file://{tmp_path}/objects",
            )
            if "public_url" in settings:
                common = common.model_copy(update={"public_url": settings.pop("public_url")})
            internal = f"unix://{tmp_path}/internal.sock"
            contracts = settings.pop("contracts", None)
            limits = {setting: settings.pop(name) for name, setting in LIMITS.items() if name in settings}
            issuer.system_settings |= {setting.key: limit for setting, limit in limits.items()}
            gateway = service(
                GatewaySettings(synthesis_url=behind, voice_url=beside, internal_listen=internal, **settings), contracts
            )
            app = await stack.enter_async_context(gateway.running(common, Process(broker=broker)))
            url = await stack.enter_async_context(gateway.listening(app, "http://127.0.0.1:0"))
            session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
            bus = InprocBus(broker)
            stack.push_async_callback(bus.close)
            deps: Dependencies = app.state.dependencies
            await eventually(lambda: all(deps.live_settings.get(setting) == limit for setting, limit in limits.items()))
            yield Gateway(url, internal, session, app.state.dependencies, bus, issuer)

    return started


@pytest.fixture
async def gateway(start: Start) -> AsyncIterator[Gateway]:
    async with start() as started:
        yield started
