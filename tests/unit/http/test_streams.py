"""Streaming responses close their source, also when nothing was sent; an event is read as one line by every client."""

import json
from collections.abc import AsyncGenerator
from contextlib import suppress

from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.types import Message

from echo_common.http.streams import ClosingStream, server_sent_event


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


class _Event(BaseModel):
    text: str


def test_an_event_has_its_data_in_one_line_of_unicode() -> None:
    text = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029\\ü😀"
    lines = server_sent_event("delta", _Event(text=text)).decode().splitlines()
    assert (lines[0], lines[2:]) == ("event: delta", [""])
    assert json.loads(lines[1].removeprefix("data: ")) == {"text": text}
