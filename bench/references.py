"""Reference servers, each in its own process: `python -m bench.references NAME [ARGUMENT]`.

A server that listens announces it in a line of JSON: its `url`, and a `token` if required. All run like a service: the same
HTTP server and settings, uvloop, a settled garbage collector.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import uvloop
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from yarl import URL

from echo_common.bus.inproc import InprocBroker
from echo_common.contracts.system_settings import REQUESTS_PER_MINUTE
from echo_common.contracts.values import Plan
from echo_common.http.client import ServiceClient
from echo_common.http.server import serving
from echo_common.process import freeze_heap
from echo_common.service import Process
from echo_common.settings import CommonSettings
from echo_common.telemetry import configure_logging
from echo_gateway.main import service
from echo_gateway.settings import GatewaySettings
from tests.support.issuer import Issuer

_ANYWHERE = "http://127.0.0.1:0"
_BODY = b'{"success":true,"data":{"id":"job_01","status":"pending","progress":0},"timestamp":"2026-01-31T10:00:00Z"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]
_NEVER_REACHED = 1_000_000


async def _small(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY})


@asynccontextmanager
async def upstream(socket: str) -> AsyncIterator[tuple[str, str]]:
    """Serve a small JSON response to every request, on a Unix socket."""
    async with serving(_small, socket) as url:
        yield url, ""


@asynccontextmanager
async def file(path: str) -> AsyncIterator[tuple[str, str]]:
    """Serve one file with Starlette's `FileResponse`."""

    async def answer(_: Request) -> FileResponse:
        return FileResponse(path, media_type="audio/wav")

    async with serving(Starlette(routes=[Route("/{path:path}", answer)]), _ANYWHERE) as url:
        yield url, ""


@asynccontextmanager
async def passthrough(target: str) -> AsyncIterator[tuple[str, str]]:
    """Serve a raw ASGI app that only forwards requests with aiohttp."""

    async with ServiceClient.open("upstream", target) as client:

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            headers = {name.decode(): value.decode() for name, value in scope["headers"] if name != b"host"}
            to = URL(client.next_replicas()[0] + scope["raw_path"].decode(), encoded=True)
            async with client.session.request(scope["method"], to, headers=headers) as response:
                await send({"type": "http.response.start", "status": response.status, "headers": list(response.raw_headers)})
                async for chunk in response.content.iter_any():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b""})

        async with serving(app, _ANYWHERE) as url:
            yield url, ""


@asynccontextmanager
async def gateway(synthesis: str) -> AsyncIterator[tuple[str, str]]:
    """Serve Echo's gateway alone, with authentication, high rate limits, metrics and the access log."""
    issuer = Issuer()
    issuer.system_settings = {REQUESTS_PER_MINUTE[Plan.PREMIUM].key: _NEVER_REACHED}
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as name:
        folder = Path(name)
        async with issuer.serving(folder) as auth:
            common = CommonSettings(
                auth_url=auth,
                database_url=SecretStr(f"sqlite://{folder}/database"),
                bus_url=SecretStr("inproc://"),
                objects_url=(folder / "objects").as_uri(),
            )
            configure_logging(common)
            settings = GatewaySettings(synthesis_url=synthesis)
            async with service(settings).running(common, Process(broker=InprocBroker())) as app:
                counted: ASGIApp = app
                async with serving(counted, _ANYWHERE) as url:
                    yield url, issuer.token(plan="premium", scope="account speech:read", lasts=3600)


REFERENCES: dict[str, Callable[[str], AbstractAsyncContextManager[tuple[str, str]]]] = {
    "file": file,
    "gateway": gateway,
    "passthrough": passthrough,
    "upstream": upstream,
}


async def _run(name: str, argument: str) -> None:
    out = sys.stdout
    sys.stdout = sys.stderr  # keeps logs out of the announcement
    async with REFERENCES[name](argument) as (url, token):
        out.write(json.dumps({"url": url, "token": token}) + "\n")
        out.flush()
        freeze_heap()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_run(*sys.argv[1:]))
