"""A client of the WebSocket that speaks a text while it is written."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.support.synthesis_server import SynthesisServer

PATH = "/tts/stream-input"
PCM = {"output_format": "pcm", "sample_rate": 16_000}


@dataclass
class Heard:
    """Everything that a stream sent."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    audio: bytes = b""
    close_code: int | None = None

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]

    @property
    def last(self) -> dict[str, Any]:
        return self.frames[-1]

    @property
    def words(self) -> list[dict[str, Any]]:
        return [word for frame in self.of("audio") for word in frame["word_timestamps"]]


@dataclass
class Client:
    socket: aiohttp.ClientWebSocketResponse
    heard: Heard = field(default_factory=Heard)

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    async def start(self, **fields: Any) -> dict[str, Any]:
        await self.send("start", **{"voice_id": "tone_low", "config": PCM, **fields})
        return await self.until("started")

    async def until(self, kind: str | None) -> dict[str, Any]:
        """Receive up to the first frame of a kind; without one, up to the end of the connection."""
        while True:
            message = await self.socket.receive(timeout=20)
            if message.type is aiohttp.WSMsgType.BINARY:
                assert len(message.data) == self.heard.last["bytes"]
                self.heard.audio += message.data
            elif message.type is aiohttp.WSMsgType.TEXT:
                self.heard.frames.append(json.loads(message.data))
                if kind in {self.heard.last["type"], *(["error"] if kind else [])}:
                    return self.heard.last
            else:
                self.heard.close_code = self.socket.close_code
                assert kind is None, self.heard.frames
                return {}

    async def rest(self) -> Heard:
        await self.until(None)
        return self.heard


@asynccontextmanager
async def joined(server: SynthesisServer, **more: Any) -> AsyncIterator[Client]:
    headers = more.pop("headers", None) or server.bearer()
    query = more.pop("query", "")
    async with server.session.ws_connect(server.url + PATH + query, headers=headers, **more) as socket:
        yield Client(socket)


async def spoken(server: SynthesisServer, *parts: str, **start: Any) -> Heard:
    async with joined(server) as client:
        await client.start(**start)
        for part in parts:
            await client.send("text", text=part)
        await client.send("end")
        return await client.rest()
