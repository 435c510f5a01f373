"""Tests of responses in CSV."""

import csv
import io
from collections.abc import AsyncIterator, Sequence

import pytest

from echo_common.http.csv_response import Cell, csv_response, neutralize


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_cells_that_look_like_formulas_are_neutralized(start: str) -> None:
    assert neutralize(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("cell", ["", "1+1", " =1", "'=1", -1, -0.5, None, "2026-01-31T10:00:00Z"])
def test_other_cells_are_unchanged(cell: Cell) -> None:
    assert neutralize(cell) == cell


async def test_rows_are_streamed_in_blocks() -> None:
    read = 0

    async def rows() -> AsyncIterator[Sequence[Cell]]:
        nonlocal read
        for number in range(10_000):
            read += 1
            yield [number, f'a "quoted", cell\nof line {number}', None]

    blocks = csv_response(["number", "text", "nothing"], rows(), "rows.csv").body_iterator
    first = str(await anext(aiter(blocks)))
    assert read < 2_000
    text = first + "".join([str(block) async for block in blocks])
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert found[0] == ["number", "text", "nothing"]
    assert found[-1] == ["9999", 'a "quoted", cell\nof line 9999', ""]
    assert len(found) == 10_001
