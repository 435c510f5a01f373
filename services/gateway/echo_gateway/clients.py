"""Clients of the services behind the gateway."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from echo_common.errors import ServiceUnavailableError
from echo_common.http.client import ServiceClient
from echo_gateway.settings import GatewaySettings

Clients = Mapping[str, ServiceClient]
"""Clients by service name."""


@asynccontextmanager
async def open_clients(settings: GatewaySettings, auth: ServiceClient) -> AsyncIterator[Clients]:
    """Open clients of all configured services; each connects on its first request."""
    urls = {
        "synthesis": settings.synthesis_url,
        "voice": settings.voice_url,
        "feedback": settings.feedback_url,
        "listening": settings.listening_url,
    }
    async with AsyncExitStack() as stack:
        clients = {"auth": auth}
        for name, url in urls.items():
            if url is not None:
                clients[name] = await stack.enter_async_context(ServiceClient.open(name, url))
        yield clients


def service_checks(clients: Clients) -> Mapping[str, Callable[[], Awaitable[Mapping[str, Any]]]]:
    """Build a health check for each service; it fails if any part of the service's health fails."""
    return {name: partial(_check, client) for name, client in clients.items()}


async def _check(client: ServiceClient) -> Mapping[str, Any]:
    health = await client.request("GET", "/health", seconds=2.5)
    parts: Mapping[str, Mapping[str, Any]] = health["parts"]
    if down := [name for name, part in parts.items() if part["status"] != "ok"]:
        raise ServiceUnavailableError(f"{client.name} is not ready: {', '.join(down)}.")
    return {name: part["facts"] or "ok" for name, part in parts.items()}
