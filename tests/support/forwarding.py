"""A service behind the gateway's proxy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from echo_common.http.client import ServiceClient
from echo_common.http.forward import forward
from echo_common.http.server import serving


@asynccontextmanager
async def serving_forwarded(service: ASGIApp, folder: Path) -> AsyncIterator[str]:
    """Serve an app of synthesis on a Unix socket in a folder; yields the URL of a proxy that forwards every request to it."""
    async with (
        serving(service, f"unix://{folder}/synthesis.sock") as url,
        ServiceClient.open("synthesis", url) as client,
    ):

        async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
            await forward(client, scope["path"], scope, receive, send)

        async with serving(proxy, "http://127.0.0.1:0") as address:
            yield address
