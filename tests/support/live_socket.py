"""A client of a live group session over a WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.support.eventually import eventually


@dataclass
class LiveSocket:
    """A connection that records its frames."""

    socket: aiohttp.ClientWebSocketResponse
    frames: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, headers: Mapping[str, str]) -> "AsyncIterator[LiveSocket]":
        async with aiohttp.ClientSession() as http, http.ws_connect(url, headers=headers) as socket:
            client = cls(socket)
            receiving = asyncio.create_task(client._receive())
            try:
                yield client
            finally:
                receiving.cancel()
                await asyncio.gather(receiving, return_exceptions=True)

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send_json({"type": kind, **fields})

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]

    async def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Return the first frame with these fields, once it has arrived."""

        def found() -> list[dict[str, Any]]:
            return [frame for frame in self.of_type(kind) if fields.items() <= frame.items()]

        await eventually(lambda: bool(found()), within=20)
        return found()[0]

    async def closed(self) -> int | None:
        await eventually(lambda: self.socket.closed, within=20)
        return self.socket.close_code

    async def _receive(self) -> None:
        async for message in self.socket:
            self.frames.append(message.json())
