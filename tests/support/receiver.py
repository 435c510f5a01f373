"""A receiver of webhooks that records requests and responds as a test wants."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from standardwebhooks import Webhook


@dataclass(frozen=True)
class Received:
    """A request, with lower-case names of headers."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return orjson.loads(self.body)

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    def verify(self, secret: str) -> None:
        """Raise `WebhookVerificationError` unless the reference implementation accepts the signature."""
        Webhook(secret).verify(self.body, dict(self.headers))


@dataclass
class Receiver:
    """A receiver: `statuses` are those of the next responses, then `status`. It holds requests while `released` is not set."""

    url: str = ""
    port: int = 0
    status: int = 200
    statuses: list[int] = field(default_factory=list)
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def listening(cls, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator["Receiver"]:
        """Listen on a free port while the context lasts."""
        receiver = cls()
        receiver.released.set()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", receiver._respond)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, host, 0, ssl_context=tls)
        await site.start()
        try:
            receiver.port = runner.addresses[0][1]
            receiver.url = f"{'https' if tls else 'http'}://{host}:{receiver.port}/hooks"
            yield receiver
        finally:
            receiver.released.set()
            await runner.cleanup()

    def of_type(self, event_type: str) -> list[Received]:
        """Return the requests with an event of this type."""
        return [one for one in self.received if one.content["type"] == event_type]

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.received.append(Received({name.lower(): value for name, value in request.headers.items()}, body))
        await self.released.wait()
        status = self.statuses.pop(0) if self.statuses else self.status
        return web.Response(status=status, body=self.body, headers=self.headers)
