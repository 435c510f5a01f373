"""Child processes for references and peers."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

_STOP_SECONDS = 10.0
_START_SECONDS = 60.0


@asynccontextmanager
async def child(
    command: Sequence[str], environment: Mapping[str, str] | None = None, *, output: int = DEVNULL
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process until the context closes."""
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=output, stderr=DEVNULL, env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


@asynccontextmanager
async def reference(*arguments: str) -> AsyncIterator[Mapping[str, Any]]:
    """Run a server of `bench.references`; yield its announcement once it listens."""
    async with child([sys.executable, "-m", "bench.references", *arguments], output=PIPE) as process:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
        if not line:
            raise RuntimeError(f"The reference {arguments[0]} did not start.")
        yield json.loads(line)
