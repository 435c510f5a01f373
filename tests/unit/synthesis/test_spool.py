"""Tests of reading blocks of encoded audio in chunks."""

from pathlib import Path

import pytest

from echo_common.scratch import Scratch
from echo_synthesis.pipeline.spool import in_pieces

SMALL, LARGE = b"a" * 1_000, bytes(range(256)) * 4_000


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


@pytest.mark.parametrize("block", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
async def test_the_chunks_make_up_the_block(block: bytes, tmp_path: Path):
    assert b"".join([piece async for piece in in_pieces(block, Scratch(tmp_path))]) == block


async def test_large_blocks_are_read_in_small_chunks_and_leave_no_file(tmp_path: Path):
    pieces = [len(piece) async for piece in in_pieces(LARGE, Scratch(tmp_path))]

    assert max(pieces) <= 64 * 1024
    assert is_empty(tmp_path)


async def test_without_room_on_disk_a_large_block_stays_in_memory(tmp_path: Path):
    nowhere = Scratch(tmp_path / "missing")

    assert b"".join([piece async for piece in in_pieces(LARGE, nowhere)]) == LARGE


async def test_a_stream_closed_half_way_leaves_no_file(tmp_path: Path):
    pieces = in_pieces(LARGE, Scratch(tmp_path))
    await anext(pieces)
    await pieces.aclose()

    assert is_empty(tmp_path)
