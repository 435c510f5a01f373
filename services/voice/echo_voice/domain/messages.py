"""Messages between users and echos, and the state of their conversations."""

from datetime import datetime, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.contracts.errors.chat import ConversationDeletedError, ReplyInProgressError
from echo_common.contracts.events.voice import MessageSent
from echo_common.contracts.http.messages import MessageRole, MessageStatus
from echo_common.ids import new_id

_NUMBERS_OF_REPLY = 2


class Message(Aggregate):
    """A message of a user or an echo.

    `number` is its place in the conversation. `request_key` is that of the request that sent it; a repeat of the request continues
    with it. `search` is its text without upper case.
    """

    user_id: str
    echo_id: str
    role: MessageRole
    number: int
    text: str
    search: str = ""
    status: MessageStatus = MessageStatus.COMPLETE
    duration: float | None = None
    echo_revision: int | None = None
    request_key: str | None = None

    @classmethod
    def write(cls, user_id: str, echo_id: str, number: int, text: str, *, request_key: str | None = None) -> Self:
        """Create a message of the user."""
        message = cls(
            id=new_id("msg"),
            user_id=user_id,
            echo_id=echo_id,
            role=MessageRole.USER,
            number=number,
            text=text,
            search=text.casefold(),
            request_key=request_key,
        )
        message._record_sent()
        return message

    @classmethod
    def reply(
        cls, to: "Message", text: str, status: MessageStatus, *, duration: float | None, echo_revision: int | None
    ) -> Self:
        """Create the echo's reply to a message."""
        message = cls(
            id=new_id("msg"),
            user_id=to.user_id,
            echo_id=to.echo_id,
            role=MessageRole.ECHO,
            number=to.number + 1,
            text=text,
            search=text.casefold(),
            status=status,
            duration=duration,
            echo_revision=echo_revision,
        )
        message._record_sent()
        return message

    def interrupt(self, heard: str, duration: float) -> None:
        """Keep only the part of a reply that was heard; delete a reply of which nothing was heard.

        Args:
            heard: The part of the text that was heard.
            duration: Seconds of speech that were heard.
        """
        if not heard:
            self.erase()
            return
        self.text, self.search, self.duration = heard, heard.casefold(), duration
        self.status = MessageStatus.INTERRUPTED

    def end_repeats(self) -> None:
        """Forget the key of the request: its next repeat sends a new message."""
        self.request_key = None

    def _record_sent(self) -> None:
        self.record(
            MessageSent(
                message_id=self.id,
                echo_id=self.echo_id,
                user_id=self.user_id,
                role=self.role.value,
                characters=len(self.text),
            )
        )


class ReplyLease(BaseModel):
    """The exclusive right to reply in a conversation, until a time unless it is renewed."""

    model_config = ConfigDict(frozen=True)

    holder: str
    until: datetime


class Conversation(Aggregate):
    """The state of the conversation of a user with an echo.

    `last_number` is that of the latest message. `summary` covers the messages up to `summarized`. `resets` counts how often the
    summary was discarded, so that a summary of messages that were deleted meanwhile is rejected.
    """

    user_id: str
    echo_id: str
    last_number: int = 0
    summary: str = ""
    summarized: int = 0
    resets: int = 0
    lease: ReplyLease | None = None

    @classmethod
    def begin(cls, user_id: str, echo_id: str) -> Self:
        """Create the state of a conversation without messages."""
        return cls(id=new_id("cnv"), user_id=user_id, echo_id=echo_id)

    def begin_reply(self, holder: str, moment: datetime, seconds: float) -> int:
        """Lease the conversation for one reply; return the number of the user's message. Raises `ReplyInProgressError`."""
        if self.lease is not None and self.lease.until > moment:
            raise ReplyInProgressError(retry_after=max(1, round((self.lease.until - moment).total_seconds())))
        self.lease = ReplyLease(holder=holder, until=moment + timedelta(seconds=seconds))
        self.last_number += _NUMBERS_OF_REPLY
        return self.last_number - 1

    def renew(self, holder: str, moment: datetime, seconds: float) -> None:
        """Renew the lease. Raises `ConversationDeletedError` if another reply has it."""
        self.require_lease(holder)
        self.lease = ReplyLease(holder=holder, until=moment + timedelta(seconds=seconds))

    def end_reply(self, holder: str) -> None:
        """Release the lease. Raises `ConversationDeletedError` if another reply has it."""
        self.require_lease(holder)
        self.lease = None

    def require_lease(self, holder: str) -> None:
        """Raise `ConversationDeletedError` unless the reply has the lease."""
        if self.lease is None or self.lease.holder != holder:
            raise ConversationDeletedError

    def summarize(self, summary: str, up_to: int, *, after: int, resets: int) -> bool:
        """Save a summary of the messages up to a number; return False if the state that it was made of has changed."""
        if (self.summarized, self.resets) != (after, resets):
            return False
        self.summary, self.summarized = summary, up_to
        return True

    def forget(self, number: int) -> None:
        """Discard the summary, because the message with this number was deleted; it is made again from the others."""
        self.resets += 1
        if number <= self.summarized:
            self.summary, self.summarized = "", 0
