"""Checks of a reply that hold for every language model: time limits, length and content."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from echo_common.contracts.errors.chat import ChatReplyEmptyError, ChatReplyIncompleteError, ChatTimeoutError

_CHARACTERS_A_TOKEN = 32
"""Characters per token that no text reaches on average: a longer reply comes from a server that ignores the maximum."""


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """Limits of a model's reply: the time until its first text, the time for each later part, and its length."""

    first_seconds: float
    next_seconds: float
    max_tokens: int


async def check_reply(parts: AsyncGenerator[str, None], limits: ModelLimits) -> AsyncGenerator[str, None]:
    """Pass on the parts of a reply that are not empty, without whitespace before the first word; close `parts` at the end.

    A character beyond the first 65,536 that two parts have a half of, as some servers of JSON cut it, is in the later one.

    Raises:
        ChatTimeoutError: The first text or a later part did not arrive in time.
        ChatReplyEmptyError: The reply has no text.
        ChatReplyIncompleteError: The reply is longer than `max_tokens` permits.
    """
    characters, half = 0, ""
    clock = asyncio.get_running_loop().time
    first_until = clock() + limits.first_seconds  # whitespace before the first word does not extend it
    async with aclosing(parts):
        while True:
            part = await _next(parts, clock() + limits.next_seconds if characters else first_until)
            if part is None:
                break
            part, half = _join_halves(half + part)
            text = part if characters else part.lstrip()
            characters += len(text)
            if characters > limits.max_tokens * _CHARACTERS_A_TOKEN:
                raise ChatReplyIncompleteError
            if text:
                yield text
    if not characters:
        raise ChatReplyEmptyError


def _join_halves(text: str) -> tuple[str, str]:
    """Return the text with its pairs of surrogates as characters, and the half at its end whose other half may follow."""
    if text.isascii():
        return text, ""
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return (joined[:-1], joined[-1]) if "\ud800" <= joined[-1] <= "\udbff" else (joined, "")


async def _next(parts: AsyncGenerator[str, None], until: float) -> str | None:
    """Return the next part that is not empty; None at the end. `until` is a time of the event loop's clock."""
    limit = asyncio.timeout_at(until)
    try:
        async with limit:
            async for part in parts:
                if part:
                    return part
    except TimeoutError:
        if not limit.expired():
            raise
        raise ChatTimeoutError from None
    return None
