"""A raw HTTP/1.1 client for invalid requests and slow reads."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_SMALL_BUFFER = 16 * 1024


@dataclass(frozen=True)
class RawResponse:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        error: dict[str, Any] = json.loads(self.body)["error"]
        return str(error["code"])


@dataclass(frozen=True)
class RawClient:
    """A raw connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str) -> "AsyncIterator[RawClient]":
        """Connect with a small receive buffer, so that a server soon detects an unread response."""
        parts = urlsplit(url)
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, (parts.hostname, parts.port))
        reader, writer = await asyncio.open_connection(sock=raw, limit=_SMALL_BUFFER)
        try:
            yield cls(reader, writer)
        finally:
            writer.transport.abort()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def pour(self, data: bytes) -> None:
        """Send a large block; the server may stop reading."""
        with suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    def get(self, path: str = "/", **headers: str) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.send(f"GET {path} HTTP/1.1\r\nHost: echo\r\n{lines}\r\n".encode())

    async def response(self) -> RawResponse:
        """Read one response that has a Content-Length."""
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return RawResponse(int(first.split(" ")[1]), headers, body)

    async def closed(self) -> bool:
        """Return whether the server closes the connection within ten seconds."""
        with suppress(ConnectionError):
            async with asyncio.timeout(10):
                return await self.reader.read(1) == b""
        return True
