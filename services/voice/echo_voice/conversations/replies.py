"""Use case of replies: store the user's message, build the context, and open the echo's reply."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from echo_common.auth.principal import Principal
from echo_common.background_tasks import running_in_background
from echo_common.clock import now
from echo_common.contracts.errors.chat import ChatModelMissingError, ConversationDeletedError
from echo_common.contracts.errors.voice import EchoNotFoundError
from echo_common.contracts.http.messages import MessageStatus
from echo_common.contracts.values import Metric
from echo_common.errors import EchoError, NotFoundError
from echo_common.faults import FaultPoints
from echo_common.ids import new_id
from echo_common.quotas.counters import Quotas
from echo_common.shielded import shielded
from echo_voice.chat_model import ChatModel, ChatRequest, ChatTurn
from echo_voice.conversations.context import recent_turns, require_room, system_prompt
from echo_voice.conversations.repeats import SentMessage, find_message, repeat_text, resume
from echo_voice.conversations.reply import Reply, StoreReply, WriteReply
from echo_voice.conversations.reply_events import SpeechOrder
from echo_voice.conversations.repository import Conversations, Messages
from echo_voice.conversations.summaries import Summaries
from echo_voice.domain.echos import Echo
from echo_voice.domain.messages import Conversation, Message
from echo_voice.repository import Echos
from echo_voice.speech_stream import SpeechStreams

_MOST_TOKENS = 4_096
"""Maximum length of any reply in tokens; that of the configured model is usually lower."""


@dataclass(frozen=True, slots=True)
class ReplyLimits:
    """Limits of replies: characters of the context, and seconds of the lease on a conversation."""

    context_characters: int
    lease_seconds: float


@dataclass(frozen=True)
class Replies:
    """Replies of echos. One reply at a time per user and echo, in all replicas."""

    echos: Echos
    messages: Messages
    conversations: Conversations
    chat: ChatModel
    streams: SpeechStreams
    summaries: Summaries
    quotas: Quotas
    faults: FaultPoints
    limits: ReplyLimits

    @asynccontextmanager
    async def open(
        self,
        echo_id: str,
        text: str,
        principal: Principal,
        *,
        speech: SpeechOrder | None = None,
        request_key: str | None = None,
    ) -> AsyncIterator[Reply]:
        """Store a message of the user and open the reply to it; the context lasts until the reply was read.

        Args:
            echo_id: The echo.
            text: The message, which is valid, see `MessageText`.
            principal: The user.
            speech: The speech of the reply; None for a reply without speech.
            request_key: Key of the request. A repeat of a request continues with its message: the stored reply is returned, and
                only spoken again; a missing one is written, and one that broke off is written again.

        Raises:
            ChatModelMissingError: There is no language model; nothing is stored.
            EchoNotFoundError: The user has no such echo.
            ReplyInProgressError: The echo is still replying to the user.
            ConversationDeletedError: The conversation was deleted meanwhile; nothing is stored.
            MessageTooLongError: The message does not fit into the context beside the persona; nothing is stored.
            QuotaExceededError: The user has sent all messages of the day.
        """
        await self.check(echo_id, principal)
        holder = new_id("run")
        conversation, number = await self.conversations.begin_reply(
            principal.user_id, echo_id, holder, self.limits.lease_seconds
        )
        try:
            async with running_in_background(self._keep_lease(conversation, holder)):
                echo = await self._echo_of(conversation)
                require_room(_system_of(echo), text, self.limits.context_characters)
                sent = await self._message(conversation, holder, number, text, principal, request_key)
                await self.faults.reach("reply.after_message")
                write: WriteReply
                store: StoreReply
                if sent.reply is None:
                    write = partial(self.chat.reply, await self._request(echo, conversation, sent.message))
                    store = partial(self._store, echo, conversation, holder, sent.message)
                else:
                    write = partial(repeat_text, sent.reply)
                    store = partial(self._keep, conversation, holder, sent.reply)
                yield Reply(
                    sent.message,
                    write,
                    voice_id=echo.id,
                    streams=self.streams,
                    speech=speech,
                    store=store,
                    change=self._change,
                )
        finally:
            await shielded(self._release(conversation, holder))
        self.summaries.start(conversation.user_id, echo_id)

    async def check(self, echo_id: str, principal: Principal) -> None:
        """Check that an echo of the user could reply. Raises `EchoNotFoundError`, `ChatModelMissingError`."""
        await self.echos.get(echo_id, user_id=principal.user_id)
        if not self.chat.available:
            raise ChatModelMissingError

    async def find_message(self, echo_id: str, request_key: str, principal: Principal) -> Message | None:
        """Return the message that an earlier request with this key stored."""
        return await find_message(self.messages, principal.user_id, echo_id, request_key)

    async def check_quota(self, principal: Principal) -> None:
        """Check that the user may send another message today. Raises `QuotaExceededError`."""
        await self.quotas.reserve(principal, {Metric.MESSAGES: 0}, below={Metric.MESSAGES})

    async def _echo_of(self, conversation: Conversation) -> Echo:
        """Return the echo, read again: its deletion may have missed the conversation that was created meanwhile."""
        try:
            return await self.echos.get(conversation.echo_id, user_id=conversation.user_id)
        except EchoNotFoundError:
            with suppress(NotFoundError):
                await self.conversations.update(conversation.id, Conversation.erase)
            raise

    async def _message(
        self, conversation: Conversation, holder: str, number: int, text: str, principal: Principal, request_key: str | None
    ) -> SentMessage:
        if request_key is not None:
            known = await find_message(self.messages, conversation.user_id, conversation.echo_id, request_key)
            if known is not None:
                return await resume(self.messages, known)
        message = Message.write(conversation.user_id, conversation.echo_id, number, text, request_key=request_key)
        async with self.quotas.reserved(principal, {Metric.MESSAGES: 1}):
            await self.messages.add(message)
            try:
                await self._require_lease(conversation, holder)
            except ConversationDeletedError:  # its deletion may have missed the message
                await self._discard(message)
                raise
        return SentMessage(message, None)

    async def _request(self, echo: Echo, conversation: Conversation, message: Message) -> ChatRequest:
        """Return the context. If the message would not fit beside the summary of older turns, the summary is left out."""
        system = _system_of(echo, conversation.summary)
        if len(system) + len(message.text) > self.limits.context_characters:
            system = _system_of(echo)
        characters = self.limits.context_characters - len(system)
        latest = await self.messages.latest(conversation, characters)
        earlier = [each for each in latest if each.number < message.number]  # a repeated message may have later ones
        turns = [ChatTurn(each.role.value, each.text) for each in (*earlier, message)]
        greeting = None if conversation.summary else echo.greeting
        return ChatRequest(system, recent_turns(turns, characters, greeting=greeting), _MOST_TOKENS)

    async def _store(
        self,
        echo: Echo,
        conversation: Conversation,
        holder: str,
        message: Message,
        text: str,
        status: MessageStatus,
        duration: float | None,
    ) -> Message | None:
        if not text:
            return None
        await self.faults.reach("reply.before_store")
        await self._require_lease(conversation, holder)
        reply = Message.reply(message, text, status, duration=duration, echo_revision=echo.revision)
        await self.messages.add(reply)
        try:  # releases the conversation before the client knows of the reply's end, and may send the next message
            await self.conversations.update(conversation.id, lambda held: held.end_reply(holder))
        except ConversationDeletedError:  # between the check and the write
            await self._discard(reply)
            raise
        return reply

    async def _keep(
        self, conversation: Conversation, holder: str, reply: Message, text: str, status: MessageStatus, duration: float | None
    ) -> Message:
        """Release the conversation, as `_store` does; the reply is stored."""
        await self._release(conversation, holder)
        return reply

    async def _discard(self, message: Message) -> None:
        with suppress(NotFoundError):  # it was deleted with its conversation
            await self.messages.update(message.id, Message.erase)

    async def _change(self, reply: Message, heard: str, seconds: float) -> Message | None:
        try:
            changed = await self.messages.update(reply.id, lambda held: held.interrupt(heard, seconds))
        except NotFoundError:  # deleted meanwhile
            return None
        return None if changed.erased else changed

    async def _require_lease(self, conversation: Conversation, holder: str) -> None:
        if await self.conversations.find_one({"_id": conversation.id, "lease.holder": holder}) is None:
            raise ConversationDeletedError

    async def _keep_lease(self, conversation: Conversation, holder: str) -> None:
        seconds = self.limits.lease_seconds
        while True:
            await asyncio.sleep(seconds / 3)
            with suppress(EchoError):  # an outage may pass; the lease is checked when the reply is stored
                await self.conversations.update(conversation.id, lambda held: held.renew(holder, now(), seconds))

    async def _release(self, conversation: Conversation, holder: str) -> None:
        with suppress(EchoError):  # a stored reply has released it; after an outage it expires
            await self.conversations.update(conversation.id, lambda held: held.end_reply(holder))


def _system_of(echo: Echo, summary: str = "") -> str:
    return system_prompt(echo.name, echo.persona_prompt, echo.language, summary)
