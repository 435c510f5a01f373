"""Repeats of requests with an idempotency key: the message that the first request stored, and the reply to it."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from echo_common.clock import now
from echo_common.contracts.http.messages import MessageRole, MessageStatus
from echo_common.errors import NotFoundError
from echo_common.http.idempotency import RETENTION
from echo_voice.conversations.repository import Messages
from echo_voice.domain.messages import Message


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that an earlier request stored. `reply` is None if it has to be written, again or for the first time."""

    message: Message
    reply: Message | None


async def recording_key(key: str, recording: Path) -> str:
    """Return the key of a request with a recording; the same key with another recording is another request."""

    def digest() -> str:
        with recording.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return hashlib.sha256(f"{key}\n{await asyncio.to_thread(digest)}".encode()).hexdigest()


async def find_message(messages: Messages, user_id: str, echo_id: str, request_key: str) -> Message | None:
    """Return the message that a request with this key stored during the last day."""
    where = {"user_id": user_id, "echo_id": echo_id, "created_at": {"$gt": now() - RETENTION}, "request_key": request_key}
    return await messages.find_one(where)


async def resume(messages: Messages, message: Message) -> SentMessage:
    """Return a message with its reply. One that broke off is deleted, to be written again, unless the conversation went on."""
    place = {"user_id": message.user_id, "echo_id": message.echo_id}
    reply = await messages.find_one({**place, "number": message.number + 1, "role": MessageRole.ECHO.value})
    if reply is None or reply.status is MessageStatus.COMPLETE:
        return SentMessage(message, reply)
    if await messages.find_one({**place, "number": {"$gt": reply.number}}) is not None:
        return SentMessage(message, reply)
    with suppress(NotFoundError):  # the user deleted it meanwhile
        await messages.update(reply.id, Message.erase)
    return SentMessage(message, None)


async def repeat_text(reply: Message) -> AsyncGenerator[str, None]:
    """Yield the text of a stored reply, as a language model does."""
    yield reply.text
