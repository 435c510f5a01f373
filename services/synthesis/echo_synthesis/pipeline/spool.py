"""Encoded audio that waits for its client: large blocks on disk instead of in memory."""

import asyncio
import io
import tempfile
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from typing import IO

from echo_common.scratch import Scratch

_PIECE_BYTES = 64 * 1024
_IN_MEMORY = 2 * _PIECE_BYTES


async def in_pieces(block: bytes, scratch: Scratch) -> AsyncGenerator[bytes, None]:
    """Yield a block of bytes: a small one as it is, a large one in pieces of 64 KiB read from a temporary file.

    A stream that is not read thus holds one piece in memory, however long its segment is. While the disk is full, large blocks
    stay in memory.
    """
    if len(block) <= _IN_MEMORY:
        yield block
        return
    file = await asyncio.to_thread(_spooled, block, scratch)
    del block
    with file:
        while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
            yield piece
            del piece


def _spooled(block: bytes, scratch: Scratch) -> IO[bytes]:
    try:
        with ExitStack() as stack:
            file = stack.enter_context(tempfile.TemporaryFile(dir=scratch.path))
            file.write(block)
            file.seek(0)
            stack.pop_all()
            return file
    except OSError:
        return io.BytesIO(block)
