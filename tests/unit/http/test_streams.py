"""Streaming responses close their source, also when nothing was sent, and keep connections with events open; an event is one line."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest
from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.types import Message

from echo_common.http import streams
from echo_common.http.streams import KEEP_ALIVE, ClosingStream, EventStream, server_sent_event

SCOPE = {"type": "http", "asgi": {"spec_version": "2.4"}}
COMMENT = KEEP_ALIVE.encode()


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
        await response(SCOPE, receive, send)

    assert closed == ["source"]


class _Event(BaseModel):
    text: str


def test_an_event_has_its_data_in_one_line_of_unicode() -> None:
    text = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029\\ü😀"
    lines = server_sent_event("delta", _Event(text=text)).decode().splitlines()
    assert (lines[0], lines[2:]) == ("event: delta", [""])
    assert json.loads(lines[1].removeprefix("data: ")) == {"text": text}


@pytest.mark.parametrize("after", [[], [b"data: 1\n\n"]], ids=["start", "event"])
async def test_comments_are_sent_while_there_is_no_event(monkeypatch: pytest.MonkeyPatch, after: list[bytes]) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.01)
    commented = asyncio.Event()
    sent: list[bytes] = []

    async def body() -> AsyncGenerator[bytes, None]:
        for event in after:
            yield event
        await commented.wait()
        yield b"data: 2\n\n"

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))
        if sent.count(COMMENT) == 2:
            commented.set()

    async with asyncio.timeout(10):
        await EventStream(body(), headers={})(SCOPE, _never, send)
    assert [part for part in sent if part not in {b"", COMMENT}] == [*after, b"data: 2\n\n"]
    assert sent.index(COMMENT) == 1 + len(after)


async def test_no_comment_is_sent_within_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.01)
    sent: list[bytes] = []

    async def body() -> AsyncGenerator[bytes, None]:
        yield b"data: "
        await asyncio.sleep(0.05)
        yield b"1\n\n"

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))

    await EventStream(body(), headers={})(SCOPE, _never, send)
    assert b"data: 1\n\n" in b"".join(sent)


async def _never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError
