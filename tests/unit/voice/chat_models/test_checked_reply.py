"""Time limits of replies."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from echo_common.contracts.errors.chat import ChatTimeoutError
from echo_voice.chat_models.checked_reply import ReplyLimits, check_reply


async def _write_blanks() -> AsyncGenerator[str, None]:
    for _ in range(1_000):
        await asyncio.sleep(0.001)
        yield " \n"


async def test_blank_parts_do_not_extend_the_time_for_the_first_text() -> None:
    with pytest.raises(ChatTimeoutError):
        [part async for part in check_reply(_write_blanks(), ReplyLimits(0.1, 10.0, 100))]
