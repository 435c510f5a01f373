"""Time limits of replies, and characters that a server has cut."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from echo_common.contracts.errors.chat import ChatTimeoutError
from echo_voice.chat_models.checked_reply import ModelLimits, check_reply


async def _write_blanks() -> AsyncGenerator[str, None]:
    for _ in range(1_000):
        await asyncio.sleep(0.001)
        yield " \n"


async def test_blank_parts_do_not_extend_the_time_for_the_first_text() -> None:
    with pytest.raises(ChatTimeoutError):
        [part async for part in check_reply(_write_blanks(), ModelLimits(0.1, 10.0, 100))]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (["Hi \ud83d", "\ude00!"], "Hi 😀!"),
        (["\ud83d", "\ude00\ud83d", "\ude00"], "😀😀"),
        (["Hi \ud83d", "there"], "Hi \ud83dthere"),
        (["Hi \ud83d"], "Hi "),
    ],
    ids=["pair", "two pairs", "half", "half at the end"],
)
async def test_halves_of_a_character_in_two_parts_are_joined(parts: list[str], text: str) -> None:
    async def write() -> AsyncGenerator[str, None]:
        for part in parts:
            yield part

    read = [part async for part in check_reply(write(), ModelLimits(10.0, 10.0, 100))]
    assert ("".join(read), "" in read) == (text, False)
