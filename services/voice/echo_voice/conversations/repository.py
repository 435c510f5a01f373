"""Repositories of messages and conversations."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import ClassVar, Final

from echo_common.clock import now
from echo_common.contracts.errors.chat import ConversationDeletedError, MessageNotFoundError
from echo_common.outbox.repository import Repository
from echo_common.store.port import DuplicateError, Filter, Index
from echo_voice.domain.messages import Conversation, Message

MOST_READ: Final = 500
"""Maximum number of messages that a context or a summary is made of."""


class Messages(Repository[Message]):
    """The repository of messages."""

    aggregate = Message
    name = "messages"
    missing = MessageNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("user_id", 1), ("echo_id", 1), ("created_at", 1), ("number", 1)]),
        Index([("user_id", 1), ("echo_id", 1), ("number", 1)]),
        Index([("echo_id", 1)]),
    )

    async def latest(self, conversation: Conversation, characters: int) -> Sequence[Message]:
        """Return the latest messages that the summary does not cover, in order, and at most 500.

        Their total length exceeds `characters` by one message at most.
        """
        found = self.find(_unsummarized(conversation), sort=[("number", -1)], limit=MOST_READ, without=("search",))
        messages: list[Message] = []
        async with aclosing(found):
            async for message in found:
                if characters < 0:
                    break
                messages.append(message)
                characters -= len(message.text)
        return messages[::-1]

    async def unsummarized(self, conversation: Conversation) -> Sequence[Message]:
        """Return the earliest messages that the summary does not cover, in order, and at most 500."""
        found = self.find(_unsummarized(conversation), sort=[("number", 1)], limit=MOST_READ, without=("search",))
        return [message async for message in found]


class Conversations(Repository[Conversation]):
    """The repository of the states of conversations, one per user and echo."""

    aggregate = Conversation
    name = "conversations"
    missing = ConversationDeletedError
    indexes: ClassVar[Sequence[Index]] = (Index([("user_id", 1), ("echo_id", 1)], unique=True), Index([("echo_id", 1)]))

    async def begin_reply(self, user_id: str, echo_id: str, holder: str, seconds: float) -> tuple[Conversation, int]:
        """Lease a conversation for one reply, and create it if it is new.

        Returns:
            The conversation, and the number of the user's message.

        Raises:
            ReplyInProgressError: Another reply has the lease.
        """
        conversation = await self._of(user_id, echo_id)
        numbers: list[int] = []

        def begin(held: Conversation) -> None:
            numbers.append(held.begin_reply(holder, now(), seconds))

        return await self.update(conversation.id, begin), numbers[-1]

    async def _of(self, user_id: str, echo_id: str) -> Conversation:
        where = {"user_id": user_id, "echo_id": echo_id}
        found = await self.find_one(where)
        if found is not None:
            return found
        conversation = Conversation.begin(user_id, echo_id)
        try:
            await self.add(conversation)
        except DuplicateError:
            return await self.find_one(where) or await self._of(user_id, echo_id)
        return conversation


def _unsummarized(conversation: Conversation) -> Filter:
    """Return the filter of the messages that the summary does not cover.

    Their order is that of their numbers: the reply to a repeated message is stored late, and clocks of replicas may differ.
    """
    numbers = {"$gt": conversation.summarized}
    return {"user_id": conversation.user_id, "echo_id": conversation.echo_id, "number": numbers}
