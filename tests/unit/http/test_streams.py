"""Streaming responses close their source, also when nothing was sent."""

from collections.abc import AsyncGenerator
from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.types import Message

from echo_common.http.streams import ClosingStream


async def test_a_started_source_is_closed_when_the_client_leaves_before_the_body_starts() -> None:
    closed: list[str] = []

    async def source() -> AsyncGenerator[bytes, None]:
        try:
            yield b"first"
            yield b"second"
        finally:
            closed.append("source")

    async def body(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for part in parts:
            yield part

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        raise OSError("the client has left")

    parts = source()
    assert await anext(parts) == b"first"
    response = ClosingStream(body(parts), source=parts, media_type="audio/wav", headers={})
    with suppress(ClientDisconnect, OSError):
        await response({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send)

    assert closed == ["source"]
