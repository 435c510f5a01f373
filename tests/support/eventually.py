"""Waiting for a condition with a deadline instead of a sleep."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], Awaitable[bool] | bool], *, within: float = 10.0) -> None:
    """Return once the condition holds; fail after this number of seconds."""
    deadline = time.monotonic() + within
    while True:
        holds = condition()
        if await holds if isinstance(holds, Awaitable) else holds:
            return
        assert time.monotonic() < deadline, f"not true within {within} s"
        await asyncio.sleep(0.01)
