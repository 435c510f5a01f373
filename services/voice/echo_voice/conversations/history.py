"""Use cases of stored messages: list, export and delete."""

import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from echo_common.auth.principal import Principal
from echo_common.contracts.http.messages import MessageRole
from echo_common.errors import NotFoundError
from echo_common.faults import FaultPoints
from echo_common.http.pagination import Page
from echo_common.http.time_range import ALWAYS, TimeRange
from echo_common.store.port import Filter
from echo_common.user_data.erasure import erase_matching
from echo_voice.conversations.repository import Conversations, Messages
from echo_voice.domain.messages import Conversation, Message
from echo_voice.repository import Echos


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Filter of the messages of a conversation; absent conditions match every message."""

    search: str | None = None
    time: TimeRange = ALWAYS

    def where(self, user_id: str, echo_id: str) -> dict[str, Any]:
        """Return the filter in the store's form."""
        where: dict[str, Any] = {"user_id": user_id, "echo_id": echo_id, **self.time.where("created_at")}
        if self.search:
            where["search"] = {"$regex": re.escape(self.search.casefold())}
        return where


@dataclass(frozen=True)
class MessageHistory:
    """The stored messages of users and echos."""

    echos: Echos
    messages: Messages
    conversations: Conversations
    faults: FaultPoints

    async def list_messages(
        self, echo_id: str, wanted: MessageFilter, principal: Principal, page: Page
    ) -> tuple[list[Message], int]:
        """Return a page of the messages, newest first by default, and their total number. Raises `EchoNotFoundError`."""
        await self.echos.get(echo_id, user_id=principal.user_id)
        where = wanted.where(principal.user_id, echo_id)
        order = [("created_at", page.direction), ("number", page.direction)]
        found = self.messages.find(where, sort=order, skip=page.offset, limit=page.limit, without=("search",))
        return [message async for message in found], await self.messages.count(where)

    async def export(self, echo_id: str, principal: Principal) -> AsyncGenerator[Message, None]:
        """Return a generator of all messages, oldest first. Raises `EchoNotFoundError`."""
        await self.echos.get(echo_id, user_id=principal.user_id)
        where = {"user_id": principal.user_id, "echo_id": echo_id}
        return self.messages.find(where, sort=[("created_at", 1), ("number", 1)], without=("search",))

    async def delete_message(self, echo_id: str, message_id: str, principal: Principal) -> None:
        """Delete a message, and a summary that covers it. Raises `MessageNotFoundError`.

        Without its reply, a message of the user is no longer repeatable: the next request with its key is a new one, and counts.
        """
        own = {"user_id": principal.user_id, "echo_id": echo_id}
        message = await self.messages.get(message_id, **own)
        await self._forget(message)  # first: after a crash the message can be deleted again
        if message.role is MessageRole.ECHO:
            await self._end_repeats({**own, "number": message.number - 1})
        await self.messages.update(message.id, Message.erase, **own)
        await self._forget(message)  # again: a summary may have been made of it meanwhile

    async def delete_all(self, echo_id: str, principal: Principal) -> None:
        """Delete all messages with an echo and their summary. A reply in progress is not stored. Raises `EchoNotFoundError`."""
        await self.echos.get(echo_id, user_id=principal.user_id)
        await self.erase({"user_id": principal.user_id, "echo_id": echo_id})

    async def erase(self, where: Filter) -> None:
        """Erase all conversations that match, and their messages; idempotent, and resumable after a crash.

        The conversations go first: a reply in progress that finds its conversation erased stores nothing.
        """
        await erase_matching(self.conversations, where, Conversation.erase, self.faults)
        await erase_matching(self.messages, where, Message.erase, self.faults)

    async def _end_repeats(self, where: Filter) -> None:
        sent = await self.messages.find_one(where)
        if sent is not None and sent.request_key is not None:
            with suppress(NotFoundError):
                await self.messages.update(sent.id, Message.end_repeats)

    async def _forget(self, message: Message) -> None:
        """Discard a summary that covers a message, and those in progress."""
        conversation = await self.conversations.find_one({"user_id": message.user_id, "echo_id": message.echo_id})
        if conversation is not None:
            with suppress(NotFoundError):
                await self.conversations.update(conversation.id, lambda held: held.forget(message.number))
