"""A minimal service behind the gateway: it returns the response that a test sets, and records requests."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send

from echo_common.http.server import serving


@dataclass
class Asked:
    """A received request."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known == name), None)


Answer = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """A request in progress."""

    asked: Asked
    receive: Receive
    send: Send

    async def start(self, status: int = 200, /, **headers: str) -> None:
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, body: bytes, *, more: bool = True) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    async def json(self, data: Any, status: int = 200, **headers: str) -> None:
        if status < 400:
            content = {"success": True, "data": data, "timestamp": "2026-01-31T10:00:00Z"}
        else:
            content = {"success": False, "error": data, "request_id": "req_x", "timestamp": "2026-01-31T10:00:00Z"}
        body = json.dumps(content).encode()
        await self.start(status, content_type="application/json", content_length=str(len(body)), **headers)
        await self.write(body, more=False)

    async def read(self) -> bytes:
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                raise ConnectionResetError
            self.asked.body += message["body"]
            if not message["more_body"]:
                return self.asked.body


async def return_request(exchange: Exchange) -> None:
    body = await exchange.read()
    await exchange.json({"target": exchange.asked.target, "body": body.decode()})


@dataclass
class Upstream:
    """A service that serves `/health` itself and all other requests with `answer`."""

    answer: Answer = return_request
    asked: list[Asked] = field(default_factory=list)
    abandoned: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when whoever asked has closed the connection before the end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = scope["raw_path"].decode() + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
        asked = Asked(scope["method"], target, [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]])
        exchange = Exchange(asked, receive, send)
        if target == "/health":
            await self._health(exchange)
        else:
            self.asked.append(asked)
            await self.answer(exchange)

    async def _health(self, exchange: Exchange) -> None:
        body = json.dumps(
            {"status": "ok", "service": "upstream", "parts": {"database": {"status": "ok", "facts": {}}}}
        ).encode()
        await exchange.start(content_type="application/json", content_length=str(len(body)))
        await exchange.write(body, more=False)

    async def until_abandoned(self, exchange: Exchange) -> None:
        """Wait until the client disconnects."""
        while (await exchange.receive())["type"] != "http.disconnect":
            pass
        self.abandoned.set()

    @asynccontextmanager
    async def serving(self, listen: str = "http://127.0.0.1:0") -> AsyncIterator[str]:
        async with serving(self, listen) as url:
            yield url
