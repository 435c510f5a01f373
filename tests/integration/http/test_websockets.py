"""Tests of the server's limits on WebSocket handshakes, messages and connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from echo_common.errors import ForbiddenError
from echo_common.http.connections import ConnectionLimits
from echo_common.http.envelope import deny_websocket
from echo_common.http.server import serving
from tests.support.eventually import eventually
from tests.support.rawhttp import RawClient

GET = b"GET / HTTP/1.1\r\nHost: echo\r\n"
HANDSHAKE = (
    GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
SHORT = 0.2
TEXT, BINARY, CONTINUATION, PING = 1, 2, 0, 9


@dataclass
class App:
    """An app that accepts WebSockets and records their messages; HTTP requests wait for `may_respond`."""

    open: int = 0
    sent: int = 0
    messages: list[Message] = field(default_factory=list)
    may_respond: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.may_respond.wait()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        self.open += 1
        await receive()  # websocket.connect
        if scope["path"] == "/hesitant":
            await receive()
        elif scope["path"] == "/closed":
            await deny_websocket(ForbiddenError(), scope, send)
        else:
            await self._accept(scope, receive, send)
        self.open -= 1

    async def _accept(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        if scope["path"] == "/flood":
            while True:
                await send({"type": "websocket.send", "bytes": bytes(10_000)})
                self.sent += 1
        while (message := await receive())["type"] != "websocket.disconnect":
            self.messages.append(message)


Serve = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def serve(app: App) -> Serve:
    @asynccontextmanager
    async def served(**limits: Any) -> AsyncIterator[str]:
        async with serving(app, "http://127.0.0.1:0", ConnectionLimits(**limits)) as url:
            yield url

    return served


def frame(opcode: int, data: bytes = b"", *, final: bool = True) -> bytes:
    return bytes([0x80 * final | opcode, 0x80 | len(data)]) + bytes(4) + data


@asynccontextmanager
async def joined(url: str, path: bytes = b"/") -> AsyncIterator[RawClient]:
    async with RawClient.at(url) as client:
        client.send(HANDSHAKE.replace(b"/", path, 1) + b"\r\n")
        assert (await client.response()).status == 101
        yield client


@pytest.mark.parametrize(
    ("handshake", "status"),
    [
        (HANDSHAKE + b"Content-Length: 5\r\n\r\nhello", 400),
        (HANDSHAKE + b"Content-Length: 5\r\n\r\n", 400),
        (HANDSHAKE + b"Transfer-Encoding: chunked\r\n\r\n", 400),
        (GET + b"\r\n" + HANDSHAKE + b"\r\n", 400),
        (HANDSHAKE + b"Cookie: " + b"c" * 10_000 + b"\r\n\r\n", 431),
        (HANDSHAKE + b"X: 1\r\n" * 200 + b"\r\n", 431),
    ],
    ids=["body", "missing body", "chunked body", "during a response", "long line", "many lines"],
)
async def test_handshakes_that_cannot_be_served_are_refused(handshake: bytes, status: int, serve: Serve, app: App) -> None:
    async with serve(connections=1) as url:
        for _ in range(2):
            async with RawClient.at(url) as client:
                client.send(handshake)
                assert (await client.response()).status == status
                assert await client.closed()
            await asyncio.sleep(SHORT)
    assert not app.open


async def test_invalid_handshakes_are_refused_in_the_envelope(serve: Serve, app: App) -> None:
    async with serve() as url, RawClient.at(url) as client:
        client.send(HANDSHAKE.replace(b"Version: 13", b"Version: 12") + b"\r\n")
        refusal = await client.response()
        assert (refusal.status, refusal.code) == (400, "BAD_REQUEST")
        assert await client.closed()
    assert not app.open


async def test_refused_handshakes_are_not_logged_as_errors(serve: Serve, app: App, caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as url, RawClient.at(url) as client:
        client.send(HANDSHAKE.replace(b"/", b"/closed", 1) + b"\r\n")
        assert (await client.response()).code == "FORBIDDEN"
        assert await client.closed()
        await eventually(lambda: app.open == 0)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_handshakes_have_a_time_limit(serve: Serve, app: App) -> None:
    async with serve(handshake_seconds=SHORT) as url, RawClient.at(url) as client:
        client.send(HANDSHAKE.replace(b"/", b"/hesitant", 1) + b"\r\n")
        assert (await client.response()).status == 503
        assert await client.closed()
        await eventually(lambda: app.open == 0)


async def test_clients_that_do_not_read_do_not_delay_the_shutdown(
    serve: Serve, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncExitStack() as stack, serve(unread_seconds_when_stopping=SHORT) as url:
        await stack.enter_async_context(joined(url, b"/flood"))
        await eventually(lambda: app.sent > 10)
    assert "graceful shutdown exceeded" not in caplog.text


async def test_a_connection_is_upgraded_once(serve: Serve, app: App) -> None:
    async with serve() as url:
        async with RawClient.at(url) as client:
            first = HANDSHAKE + b"\r\n"
            client.send(first + b"x" * (64 * 1024 - len(first)) + first)
            assert (await client.response()).status == 101
        await eventually(lambda: app.open == 0)


async def test_open_websockets_do_not_make_room_for_connections(serve: Serve, app: App) -> None:
    async with serve(connections=1) as url, joined(url) as client:
        async with RawClient.at(url) as other:
            other.get()
            assert (await other.response()).status == 503
        client.send(frame(TEXT, b"a"))
        await eventually(lambda: len(app.messages) == 1)


async def test_unread_pongs_do_not_fill_the_memory(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    unsent = 0

    def write(transport: Any, data: bytes) -> None:
        nonlocal unsent
        original(transport, data)
        unsent = max(unsent, transport.get_write_buffer_size())

    original = asyncio.selector_events._SelectorSocketTransport.write  # type: ignore[attr-defined]
    async with serve() as url, joined(url) as client:
        monkeypatch.setattr(asyncio.selector_events._SelectorSocketTransport, "write", write)  # type: ignore[attr-defined]
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(100):
            await client.pour(frame(PING, b"p" * 125) * 1_000)
        monkeypatch.undo()
    assert unsent < 1024 * 1024


async def test_fragments_are_joined(serve: Serve, app: App) -> None:
    async with serve() as url, joined(url) as client:
        client.send(frame(TEXT, "ä".encode()[:1], final=False) + frame(CONTINUATION, final=False))
        client.send(frame(PING) + frame(CONTINUATION, "ä".encode()[1:]))
        client.send(frame(BINARY, final=False) + frame(CONTINUATION, b"a", final=False) + frame(CONTINUATION, b"b"))
        await eventually(lambda: len(app.messages) == 2)
    assert [message.get("text") or message["bytes"] for message in app.messages] == ["ä", b"ab"]
