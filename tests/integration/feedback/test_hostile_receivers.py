"""Receivers of webhooks that send too much, too slowly or nonsense cost little and hold up nothing."""

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from echo_common.contracts.http.webhooks import DeliveryError
from echo_feedback.outbound.client import EXCERPT_BYTES
from echo_feedback.outbound.connector import INFORMATIONAL_RESPONSES, LARGEST_BODY_BYTES, LARGEST_HEAD_BYTES
from tests.support.certificates import Certificate
from tests.support.outbound import LOCAL, client
from tests.support.receiver import Receiver


async def test_the_start_of_a_long_response_is_read(receiver: Receiver) -> None:
    receiver.body = "ä".encode() * 1_000_000
    async with client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=5)
    assert sent.succeeded
    assert len((sent.excerpt or "").encode()) <= EXCERPT_BYTES + 3


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
async def test_a_compressed_response_is_not_unpacked(receiver: Receiver, encoding: str) -> None:
    """A small response could unpack to gigabytes."""
    receiver.headers = {"Content-Encoding": encoding}
    receiver.body = zlib.compress(bytes(100_000_000), level=9, wbits=31 if encoding == "gzip" else 15)
    async with client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=30)
    assert (sent.succeeded, sent.status, sent.excerpt) == (True, 200, None)
    assert receiver.received[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
async def test_a_response_without_an_encoding_is_read(receiver: Receiver, encoding: str) -> None:
    receiver.headers = {"Content-Encoding": encoding}
    async with client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=5)
    assert (sent.status, sent.excerpt) == (200, "ok")


async def test_cookies_are_not_sent_back(receiver: Receiver) -> None:
    receiver.headers = {"Set-Cookie": "a=b"}
    async with client() as (outbound, _):
        for _ in range(2):
            await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=5)
    assert "cookie" not in receiver.received[1].headers


async def test_a_receiver_that_does_not_respond_ends_at_the_time_limit(receiver: Receiver) -> None:
    receiver.released.clear()
    async with client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=0.2)
    assert (sent.error, sent.status) == (DeliveryError.TIMED_OUT, None)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000])
async def test_an_invalid_response_is_an_error(answer: bytes) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    async with server, client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{server.sockets[0].getsockname()[1]}/", b"", {}, seconds=5)
    assert sent.error in {DeliveryError.INVALID_RESPONSE, DeliveryError.CONNECTION_FAILED}


@asynccontextmanager
async def sending(*parts: bytes, endless: bytes = b"", tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve responses of these bytes, with `endless` repeated until the connection ends; give the port."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            await reader.readuntil(b"\r\n\r\n")
            writer.writelines(parts)
            await writer.drain()
            while endless:
                writer.write(endless)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "endless",
    [b"HTTP/1.1 100 Continue\r\n\r\n" * 50, b"HTTP/1.1 103 Early Hints\r\nlink: " + b"a" * 4000 + b"\r\n\r\n"],
    ids=["continue", "early-hints"],
)
async def test_endless_informational_responses_are_an_error_and_hold_up_nothing(receiver: Receiver, endless: bytes) -> None:
    """The time limits are far off: the requests end because of the bounds."""
    async with sending(endless=endless) as port, client() as (outbound, _):
        urls = [f"http://a.example:{port}/", f"http://a.example:{receiver.port}/"] * 10
        sent = await asyncio.gather(*(outbound.post(url, b"{}", {}, seconds=300) for url in urls))
    assert {(one.error, one.status) for one in sent[::2]} == {(DeliveryError.INVALID_RESPONSE, None)}
    assert all(one.succeeded for one in sent[1::2])


async def test_endless_informational_responses_over_tls_are_an_error(tmp_path: Path) -> None:
    certificate = Certificate.create(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate.certificate, certificate.key)
    trusting = ssl.create_default_context(cafile=str(certificate.certificate))
    async with (
        sending(endless=b"HTTP/1.1 100 Continue\r\n\r\n" * 50, tls=serving) as port,
        client(networks=LOCAL, tls=trusting) as (outbound, _),
    ):
        sent = await outbound.post(f"https://127.0.0.1:{port}/", b"{}", {}, seconds=300)
    assert (sent.error, sent.status) == (DeliveryError.INVALID_RESPONSE, None)


@pytest.mark.parametrize("number", [1, INFORMATIONAL_RESPONSES])
async def test_a_response_after_a_few_informational_ones_is_read(number: int) -> None:
    few = b"HTTP/1.1 102 Processing\r\n\r\n" * number
    async with sending(few, b"HTTP/1.1 200 OK\r\n\r\nfine") as port, client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{port}/", b"{}", {}, seconds=300)
    assert (sent.succeeded, sent.status, sent.excerpt) == (True, 200, "fine")


async def test_more_informational_responses_than_the_bound_are_an_error() -> None:
    many = b"HTTP/1.1 100 Continue\r\n\r\n" * (INFORMATIONAL_RESPONSES + 1)
    async with sending(many, b"HTTP/1.1 200 OK\r\n\r\nfine") as port, client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{port}/", b"{}", {}, seconds=300)
    assert (sent.error, sent.status) == (DeliveryError.INVALID_RESPONSE, None)


@pytest.mark.parametrize(("padding", "error"), [(30, None), (100, DeliveryError.INVALID_RESPONSE)])
async def test_the_head_of_a_response_is_bounded(padding: int, error: DeliveryError | None) -> None:
    """No header alone is longer than the client accepts."""
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: %s\r\n" % (number, b"a" * 1000) for number in range(padding))
    assert (len(head) > LARGEST_HEAD_BYTES) is (error is not None)
    async with sending(head, b"\r\nfine") as port, client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{port}/", b"{}", {}, seconds=300)
    assert sent.error is error


@pytest.mark.parametrize(
    ("start", "status", "error"),
    [
        (b"HTTP/1.1 200 ", None, DeliveryError.TIMED_OUT),
        (b"HTTP/1.1 200 OK\r\nx: ", None, DeliveryError.TIMED_OUT),
        (b"HTTP/1.1 200 OK\r\n\r\n", 200, None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, None),
    ],
    ids=["status", "header", "body", "chunk"],
)
async def test_single_bytes_do_not_prolong_the_time_limit(
    start: bytes, status: int | None, error: DeliveryError | None
) -> None:
    closed = asyncio.Event()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(start)
            while not reader.at_eof():
                writer.write(b"0")
                await writer.drain()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await reader.read()
        writer.close()
        closed.set()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    async with server, client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{server.sockets[0].getsockname()[1]}/", b"{}", {}, seconds=0.3)
        await closed.wait()
    assert (sent.status, sent.error) == (status, error)


SOCKET_BUFFERS = 16 * 1_048_576
"""Bytes that the buffers of both sockets hold at most: the server has written them before the client reads them."""

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("start", "endless", "results"),
    [
        (CHUNKED, b"0" * 8_000, {(200, None)}),
        (CHUNKED + b"3;", b"a=b;" * 2_000, {(200, None)}),
        # The error of the trailers may come together with the status, or after it.
        (CHUNKED + b"3\r\nabc\r\n0\r\n", b"x-a: b\r\n" * 1_000, {(None, DeliveryError.INVALID_RESPONSE), (200, None)}),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            b"a" * 65_536,
            {(101, DeliveryError.REFUSED)},
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n" * 500, {(204, None)}),
    ],
    ids=["chunk-size", "chunk-extension", "trailers", "other-protocol", "responses"],
)
async def test_endless_bytes_without_content_end_the_connection(
    start: bytes, endless: bytes, results: set[tuple[int | None, DeliveryError | None]]
) -> None:
    """The time limit is far off: the request ends because of the bound, and with it the connection."""
    written, ended = 0, asyncio.Event()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(start)
            while True:
                writer.write(endless)
                await writer.drain()
                written += len(endless)
        writer.close()
        ended.set()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    async with server, client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{server.sockets[0].getsockname()[1]}/", b"{}", {}, seconds=300)
        async with asyncio.timeout(30):
            await ended.wait()
    assert (sent.status, sent.error) in results
    assert len(sent.excerpt or "") <= 3
    assert written < LARGEST_BODY_BYTES + SOCKET_BUFFERS
