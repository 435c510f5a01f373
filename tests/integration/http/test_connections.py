"""Tests of limits on the size, duration and number of connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from echo_common.http.connections import ConnectionLimits
from echo_common.http.server import serving
from tests.support.eventually import eventually
from tests.support.rawhttp import RawClient

KIB = 1024
SHORT = 0.2
POST = b"POST / HTTP/1.1\r\nHost: echo\r\nContent-Length: %d\r\n\r\n"


@dataclass
class App:
    """An app that responds with the number of the request, and with an endless stream under `/stream`."""

    served: int = 0
    bodies: list[bytes] = field(default_factory=list)
    headers: list[set[bytes]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    may_read: asyncio.Event = field(default_factory=asyncio.Event)
    sent_bytes: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.served += 1
        self.headers.append({name for name, _ in scope["headers"]})
        if scope["path"] == "/slow-reader":
            await self.may_read.wait()
        if scope["path"] == "/stream":
            await self._stream(send)
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            body += message["body"]
            if not message["more_body"]:
                break
        self.bodies.append(body)
        text = str(self.served).encode()
        headers = [(b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def _stream(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(64):
            await send({"type": "http.response.body", "body": b"x" * 64 * KIB, "more_body": True})
            self.sent_bytes += 64 * KIB
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def serve(app: App) -> Callable[..., AbstractAsyncContextManager[str]]:
    @asynccontextmanager
    async def served(**limits: Any) -> AsyncIterator[str]:
        async with serving(app, "http://127.0.0.1:0", ConnectionLimits(**limits)) as url:
            yield url

    return served


Serve = Callable[..., AbstractAsyncContextManager[str]]


@pytest.mark.parametrize("piece", [1_000, 64 * KIB - 1, 64 * KIB, 1_000_000])
async def test_endless_headers_are_refused_at_64_kib(piece: int, serve: Serve, app: App) -> None:
    async with serve() as url, RawClient.at(url) as client:
        client.send(b"GET / HTTP/1.1\r\nX-Long: ")
        for _ in range(2_000_000 // piece):
            if client.reader.at_eof():
                break
            await client.pour(b"a" * piece)
        response = await client.response()
        assert (response.status, response.code) == (431, "HEADER_TOO_LARGE")
        assert response.headers["connection"] == "close"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-request-id"].startswith("req_")
        assert await client.closed()
    assert app.served == 0


async def test_headers_of_63_kib_are_accepted_and_the_limit_applies_per_request(serve: Serve, app: App) -> None:
    async with serve() as url, RawClient.at(url) as client:
        for number in (1, 2, 3):
            client.get("/", **{"X-Long": "a" * 63 * KIB})
            assert (await client.response()).body == str(number).encode()


async def test_many_header_lines_count_together(serve: Serve, app: App) -> None:
    async with serve() as url, RawClient.at(url) as client:
        client.get("/", **{f"X-{number}": "a" * 100 for number in range(1_000)})
        assert (await client.response()).code == "HEADER_TOO_LARGE"


CHUNKED = b"POST / HTTP/1.1\r\nHost: echo\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n"


@pytest.mark.parametrize(
    "endless",
    [b"0\r\n" + b"a: b\r\n" * 200_000, b"0\r\nX-Long: " + b"a" * 1_000_000, b"4;x=" + b"a" * 1_000_000],
    ids=["trailers", "a trailer", "a chunk extension"],
)
async def test_trailers_and_chunk_extensions_are_refused_at_64_kib(endless: bytes, serve: Serve, app: App) -> None:
    async with serve() as url, RawClient.at(url) as client:
        client.send(CHUNKED)
        await client.pour(endless)
        assert (await client.response()).code == "HEADER_TOO_LARGE"
        assert await client.closed()
    assert app.bodies == []


async def test_trailers_are_not_headers(serve: Serve, app: App) -> None:
    async with serve() as url, RawClient.at(url) as client:
        client.send(CHUNKED + b"0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
        assert (await client.response()).status == 200
    assert app.bodies == [b"body"]
    assert app.headers == [{b"host", b"transfer-encoding"}]


async def test_pipelines_longer_than_the_header_limit_are_answered(serve: Serve, app: App) -> None:
    request = b"GET / HTTP/1.1\r\nHost: echo\r\n\r\n"
    count = 3 * 64 * KIB // len(request)
    async with serve() as url, RawClient.at(url) as client:
        client.send(request * count)
        for number in range(1, count + 1):
            assert (await client.response()).body == str(number).encode()


async def test_requests_in_one_packet_are_answered_in_order(serve: Serve, app: App) -> None:
    async with serve() as url, RawClient.at(url) as client:
        for _ in range(3):
            client.get("/")
        assert [(await client.response()).body for _ in range(3)] == [b"1", b"2", b"3"]


async def test_slow_bytes_do_not_prolong_the_header_timeout(serve: Serve, app: App) -> None:
    async with serve(header_seconds=SHORT) as url, RawClient.at(url) as client:
        client.send(b"GET / HTTP/1.1\r\nX-Slow: ")
        reading = asyncio.create_task(client.response())
        while not (await asyncio.wait({reading}, timeout=SHORT / 10))[0]:
            client.send(b"a")
        assert (reading.result().status, reading.result().code) == (408, "REQUEST_TIMEOUT")
        assert await client.closed()
    assert app.served == 0


async def test_the_header_timeout_applies_to_later_requests(serve: Serve, app: App) -> None:
    async with serve(header_seconds=SHORT) as url, RawClient.at(url) as client:
        client.get("/")
        assert (await client.response()).status == 200
        client.send(b"GET / HTTP/1.1\r\n")
        assert (await client.response()).code == "REQUEST_TIMEOUT"


@pytest.mark.parametrize("sent", [b"", b"\r\n"])
async def test_a_connection_without_a_request_is_closed(sent: bytes, serve: Serve) -> None:
    async with serve(header_seconds=SHORT) as url, RawClient.at(url) as client:
        client.send(sent)
        await client.reader.read()
        assert await client.closed()


async def test_stalled_bodies_are_refused_and_reported_to_the_app(serve: Serve, app: App) -> None:
    async with serve(body_idle_seconds=SHORT) as url, RawClient.at(url) as client:
        client.send(POST % 100 + b"some")
        response = await client.response()
        assert (response.status, response.code) == (408, "REQUEST_TIMEOUT")
        assert await client.closed()
        await asyncio.wait_for(app.left.wait(), 5)


async def test_slow_bodies_that_progress_are_accepted(serve: Serve, app: App) -> None:
    async with serve(body_idle_seconds=10 * SHORT, header_seconds=SHORT) as url, RawClient.at(url) as client:
        client.send(POST % 10)
        reading = asyncio.create_task(client.response())
        for _ in range(10):
            await asyncio.wait({reading}, timeout=SHORT / 2)
            client.send(b"a")
        assert (await reading).status == 200
    assert app.bodies == [b"a" * 10]


async def test_slow_apps_do_not_time_out_the_client(serve: Serve, app: App) -> None:
    async with serve(body_idle_seconds=SHORT) as url, RawClient.at(url) as client:
        client.send(b"POST /slow-reader HTTP/1.1\r\nHost: echo\r\nContent-Length: 8000000\r\n\r\n")
        pouring = asyncio.create_task(client.pour(b"a" * 8_000_000))
        reading = asyncio.create_task(client.response())
        assert not (await asyncio.wait({reading}, timeout=4 * SHORT))[0]
        app.may_read.set()
        assert (await reading).status == 200
        await pouring
    assert len(app.bodies[0]) == 8_000_000


async def test_invalid_http_is_refused_in_the_envelope(serve: Serve, app: App) -> None:
    async with serve() as url, RawClient.at(url) as client:
        client.send(b"\x16\x03\x01 hello\r\n\r\n")
        response = await client.response()
        assert (response.status, response.code) == (400, "BAD_REQUEST")
        assert response.headers["content-security-policy"].startswith("default-src 'none'")


async def test_the_number_of_connections_is_limited(serve: Serve, app: App) -> None:
    async with serve(connections=3) as url, AsyncExitStack() as stack:
        busy = [await stack.enter_async_context(RawClient.at(url)) for _ in range(3)]
        for client in busy:
            client.send(POST % 2 + b"a")
        await eventually(lambda: app.served == 3)
        async with RawClient.at(url) as late:
            late.get("/")
            response = await late.response()
            assert (response.status, response.code) == (503, "TOO_MANY_CONNECTIONS")
            assert int(response.headers["retry-after"]) > 0
            assert await late.closed()
        for client in busy:
            client.send(b"a")
            assert (await client.response()).status == 200
        async with RawClient.at(url) as next_one:  # one that is idle makes room
            next_one.get("/")
            assert (await next_one.response()).status == 200
        assert await busy[0].closed()


async def test_connections_are_limited_by_address(serve: Serve, app: App) -> None:
    async with serve(connections=100, per_address=2) as url, AsyncExitStack() as stack:
        first, _ = [await stack.enter_async_context(RawClient.at(url)) for _ in range(2)]
        first.get("/")
        assert (await first.response()).status == 200
        async with RawClient.at(url) as third:
            third.get("/")
            assert (await third.response()).code == "TOO_MANY_CONNECTIONS"
        first.writer.close()

        async def admitted() -> bool:
            async with RawClient.at(url) as another:
                another.get("/")
                return (await another.response()).status == 200

        await eventually(admitted)


async def test_unread_responses_are_closed_eventually(serve: Serve, app: App) -> None:
    async with serve(unread_seconds=SHORT) as url, RawClient.at(url) as client:
        client.get("/stream")
        await eventually(lambda: app.sent_bytes > 0)
        assert app.sent_bytes < 1024 * KIB

        async def aborted() -> bool:
            return app.sent_bytes == 64 * 64 * KIB  # what is sent after the end is dropped

        await eventually(aborted)
        with pytest.raises(ConnectionResetError):
            await client.reader.read()


async def test_paused_clients_can_resume(serve: Serve, app: App) -> None:
    async with serve(unread_seconds_when_full=SHORT) as url, RawClient.at(url) as client:
        client.get("/stream")
        await eventually(lambda: app.sent_bytes > 0)
        pause = asyncio.create_task(asyncio.Event().wait())
        await asyncio.wait({pause}, timeout=3 * SHORT)
        pause.cancel()
        assert len(await client.reader.readuntil(b"\r\n\r\n")) < KIB
        received = 0
        while received < 64 * 64 * KIB:
            received += len(await client.reader.read(64 * KIB))


async def test_unread_connections_are_closed_when_connections_run_short(serve: Serve, app: App) -> None:
    async with serve(connections=2, unread_seconds_when_full=SHORT) as url, AsyncExitStack() as stack:
        paused, busy = [await stack.enter_async_context(RawClient.at(url)) for _ in range(2)]
        paused.get("/stream")
        busy.send(POST % 2 + b"a")
        await eventually(lambda: app.served == 2)

        async def admitted() -> bool:
            async with RawClient.at(url) as newcomer:
                newcomer.get("/")
                return (await newcomer.response()).status == 200

        assert not await admitted()
        await eventually(admitted)
        busy.send(b"a")
        assert (await busy.response()).status == 200
