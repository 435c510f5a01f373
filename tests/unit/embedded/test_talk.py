"""The connections of `echoctl talk`."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer
from rich.console import Console

from echo_embedded.client import Client
from echo_embedded.say import SpeechFailedError
from echo_embedded.talk import Turns, talk
from echo_embedded.tokens import TokenFile

Serve = Callable[[web.WebSocketResponse], Awaitable[None]]
EXPIRED = {"type": "error", "code": "REQUEST_TIMEOUT", "message": "The time is over."}


class TalkingGateway:
    """A gateway whose conversations follow a script, one entry a connection."""

    def __init__(self, *script: Serve) -> None:
        self.script = list(script)
        self.starts: list[tuple[str, dict[str, Any]]] = []
        self.logins = 0
        self.app = web.Application()
        self.app.router.add_post("/api/v1/auth/login", self._log_in)
        self.app.router.add_get("/api/v1/echos/echo_1", self._echo)
        self.app.router.add_get("/api/v1/echos/echo_1/talk", self._talk)

    async def _log_in(self, _: web.Request) -> web.Response:
        self.logins += 1
        return web.json_response({"data": {"access_token": f"token-{self.logins}", "expires_in": 900}})

    async def _echo(self, _: web.Request) -> web.Response:
        return web.json_response({"data": {"name": "Grace", "greeting": "Welcome aboard!"}})

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.starts.append((request.headers["Authorization"], await socket.receive_json()))
        await self.script.pop(0)(socket)
        return socket


class Tape:
    """A microphone that records until `end`, and a loudspeaker that plays nothing."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def messages(self, turns: Turns) -> AsyncIterator[bytes]:
        number = 0
        while not self.ended.is_set():
            yield number.to_bytes(2, "little")
            number += 1
            await asyncio.sleep(0.001)

    def begin(self) -> None:
        """Do nothing."""

    def play(self, pcm: bytes) -> None:
        """Do nothing."""

    def flush(self) -> float:
        return 0.0

    async def finish(self) -> None:
        """Do nothing."""


async def hold(gateway: TalkingGateway, tape: Tape, folder: Path) -> str:
    """Talk with the echo and return the output."""
    output = io.StringIO()
    async with TestServer(gateway.app) as server, Client.open(str(server.make_url("/"))) as client, asyncio.timeout(20):
        await client.log_in("ada@example.com", "secret", TokenFile(folder / "token.json"))
        await talk(client, "echo_1", tape, tape, Console(file=output), greeting=True)
    return output.getvalue()


async def test_a_conversation_continues_with_another_token_when_its_time_is_over(tmp_path: Path) -> None:
    tape = Tape()
    heard: list[int] = []

    async def receive(socket: web.WebSocketResponse) -> bool:
        """Receive a frame; return whether it was audio."""
        message = await socket.receive()
        if message.type is WSMsgType.BINARY:
            heard.append(int.from_bytes(message.data, "little"))
        return message.type is WSMsgType.BINARY

    async def expire(socket: web.WebSocketResponse) -> None:
        await socket.send_json({"type": "ready", "longest_seconds": 0})
        await receive(socket)
        await socket.send_json(EXPIRED)
        await socket.close(code=1008)

    async def listen(socket: web.WebSocketResponse) -> None:
        await socket.send_json({"type": "ready", "longest_seconds": 900})
        await receive(socket)
        tape.ended.set()
        while await receive(socket):
            pass
        await socket.close()

    gateway = TalkingGateway(expire, listen)
    printed = await hold(gateway, tape, tmp_path)
    assert [(token, start["greeting"]) for token, start in gateway.starts] == [
        ("Bearer token-1", True),
        ("Bearer token-2", False),
    ]
    assert heard == sorted(heard)
    assert heard[0] == 0
    assert "time is over" not in printed


async def test_a_conversation_that_the_platform_ends_before_its_time_is_not_continued(tmp_path: Path) -> None:
    async def refuse(socket: web.WebSocketResponse) -> None:
        await socket.send_json({"type": "ready", "longest_seconds": 900})
        await socket.send_json({"type": "error", "code": "QUOTA_EXCEEDED", "message": "No messages are left today."})
        await socket.close(code=1008)

    gateway = TalkingGateway(refuse)
    with pytest.raises(SpeechFailedError, match="1008"):
        await hold(gateway, Tape(), tmp_path)
    assert gateway.logins == 1


async def test_an_error_of_the_microphone_ends_the_conversation(tmp_path: Path) -> None:
    class Broken(Tape):
        async def messages(self, turns: Turns) -> AsyncIterator[bytes]:
            yield b"\0\0"
            raise SpeechFailedError("The echo did not reply.")

    async def listen(socket: web.WebSocketResponse) -> None:
        await socket.send_json({"type": "ready", "longest_seconds": 900})
        while (await socket.receive()).type is WSMsgType.BINARY:
            pass
        await socket.close()

    with pytest.raises(SpeechFailedError, match="did not reply"):
        await hold(TalkingGateway(listen), Broken(), tmp_path)
