"""Tests of the acceptance of TLS connections."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from starlette.types import Receive, Scope, Send

from echo_common.http.connections import ConnectionLimits
from echo_common.http.server import serving
from echo_common.http.tls import Tls
from tests.support.certificates import Certificate

Serve = Callable[..., AbstractAsyncContextManager[str]]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": scope["scheme"].encode()})


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate.create(tmp_path)


@pytest.fixture
def serve(certificate: Certificate) -> Serve:
    @asynccontextmanager
    async def served(**limits: Any) -> AsyncIterator[str]:
        tls = Tls(certificate.certificate, certificate.key)
        async with serving(app, "http://127.0.0.1:0", ConnectionLimits(**limits), tls) as url:
            yield url

    return served


async def ask(url: str, certificate: Certificate) -> bytes:
    trusted = ssl.create_default_context(cafile=str(certificate.certificate))
    async with aiohttp.ClientSession() as session, session.get(url, ssl=trusted) as response:
        return await response.read()


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(1) == b""
    except ConnectionError:
        return True


async def test_an_unfinished_handshake_ends_after_its_time(serve: Serve, certificate: Certificate) -> None:
    async with serve(tls_seconds=0.2) as url:
        reader, writer = await connect(url)
        async with asyncio.timeout(10):
            assert await ended(reader)
        writer.close()
        assert await ask(url, certificate) == b"https"


async def test_bytes_that_are_no_handshake_end_their_connection_alone(serve: Serve, certificate: Certificate) -> None:
    async with serve() as url:
        reader, writer = await connect(url)
        writer.write(b"GET / HTTP/1.1\r\nHost: echo\r\n\r\n")
        async with asyncio.timeout(10):
            await reader.read()
        writer.close()
        assert await ask(url, certificate) == b"https"


async def test_handshakes_make_room_for_others_when_all_places_are_taken(serve: Serve, certificate: Certificate) -> None:
    async with serve(connections=2) as url:
        held = [await connect(url) for _ in range(2)]
        assert await ask(url, certificate) == b"https"
        for _, writer in held:
            writer.close()


async def test_a_stopping_server_aborts_handshakes(serve: Serve) -> None:
    async with serve() as url:
        reader, writer = await connect(url)
    async with asyncio.timeout(10):
        assert await ended(reader)
    writer.close()
