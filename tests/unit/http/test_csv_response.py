"""Tests of responses in CSV."""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, Sequence

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message, Scope

from echo_common.http.csv_response import Cell, csv_response, neutralize


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r"])  # noqa: RUF001
def test_cells_that_look_like_formulas_are_neutralized(start: str) -> None:
    assert neutralize(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize(
    "cell", ["", "1+1", " =1", "'=1", -1, -0.5, None, "2026-01-31T10:00:00Z", "a\tb\r\nc\nd", "Ünï 👩\u200d💻"]
)
def test_other_cells_are_unchanged(cell: Cell) -> None:
    assert neutralize(cell) == cell


@pytest.mark.parametrize(
    "control", ["\x00", "\x1b[2J", "\x07", "\x7f", "\x85", "\x9b2J", "\u202e", "\u2066", "\u200f", "\u061c"]
)
def test_cells_cannot_control_the_terminal(control: str) -> None:
    assert neutralize(f"a{control}b") == f"a{control[1:]}b"


@pytest.mark.parametrize("control", ["\x00", "\x1b", "\u202e"])
def test_formulas_after_control_characters_are_neutralized(control: str) -> None:
    assert neutralize(f"{control}=1+1") == "'=1+1"


async def test_rows_are_streamed_in_blocks() -> None:
    read = 0

    async def rows() -> AsyncGenerator[Sequence[Cell], None]:
        nonlocal read
        for number in range(10_000):
            read += 1
            yield [number, f'a "quoted", cell\nof line {number}', None]

    blocks = csv_response(["number", "text", "nothing"], rows(), "rows.csv").body_iterator
    first = await anext(aiter(blocks))
    assert read < 2_000
    text = b"".join([block for block in [first, *[block async for block in blocks]] if isinstance(block, bytes)]).decode()
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert found[0] == ["number", "text", "nothing"]
    assert found[-1] == ["9999", 'a "quoted", cell\nof line 9999', ""]
    assert len(found) == 10_001


@pytest.mark.parametrize("leaves_after", [0, 1])
async def test_rows_are_closed_when_the_client_leaves(leaves_after: int) -> None:
    closed = asyncio.Event()

    async def rows() -> AsyncGenerator[Sequence[Cell], None]:
        try:
            while True:
                yield ["row"]
        finally:
            closed.set()

    found = rows()
    await anext(found)
    sent = 0

    async def send(message: Message) -> None:
        nonlocal sent
        sent += bool(message["type"] == "http.response.body")
        if sent > leaves_after:
            raise OSError

    async def receive() -> Message:
        return await asyncio.Future()

    scope: Scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
    with pytest.raises(ClientDisconnect):
        await csv_response(["name"], found, "rows.csv")(scope, receive, send)
    assert closed.is_set()
