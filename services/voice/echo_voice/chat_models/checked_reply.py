"""Checks of a reply that hold for every language model: time limits, length and content."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from echo_common.contracts.errors.chat import ChatReplyEmptyError, ChatReplyIncompleteError, ChatTimeoutError

_CHARACTERS_A_TOKEN = 32
"""Characters per token that no text reaches on average: a longer reply comes from a server that ignores the maximum."""


@dataclass(frozen=True, slots=True)
class ReplyLimits:
    """Limits of a reply: the time until its first text, the time for each later part, and its length."""

    first_seconds: float
    next_seconds: float
    max_tokens: int


async def check_reply(parts: AsyncGenerator[str, None], limits: ReplyLimits) -> AsyncGenerator[str, None]:
    """Pass on the parts of a reply that are not empty, without whitespace before the first word; close `parts` at the end.

    Raises:
        ChatTimeoutError: The first text or a later part did not arrive in time.
        ChatReplyEmptyError: The reply has no text.
        ChatReplyIncompleteError: The reply is longer than `max_tokens` permits.
    """
    characters = 0
    clock = asyncio.get_running_loop().time
    first_until = clock() + limits.first_seconds  # whitespace before the first word does not extend it
    async with aclosing(parts):
        while True:
            part = await _next(parts, clock() + limits.next_seconds if characters else first_until)
            if part is None:
                break
            text = part if characters else part.lstrip()
            characters += len(text)
            if characters > limits.max_tokens * _CHARACTERS_A_TOKEN:
                raise ChatReplyIncompleteError
            if text:
                yield text
    if not characters:
        raise ChatReplyEmptyError


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
