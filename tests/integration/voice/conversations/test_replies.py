"""Replies of echos: their events, the stored messages, and every failure."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from echo_common.contracts.errors.chat import (
    ChatModelMissingError,
    ChatModelUnavailableError,
    ChatRefusedError,
    ChatReplyIncompleteError,
    ChatTimeoutError,
    ConversationDeletedError,
    MessageTooLongError,
    ReplyInProgressError,
)
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.voice import EchoNotFoundError
from echo_common.contracts.http.messages import MAXIMUM_CHARACTERS
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Metric, Plan
from echo_common.errors import EchoError, ServiceUnavailableError
from echo_common.live_settings import LiveSettings
from echo_voice.chat_model import ChatRequest, ChatTurn
from echo_voice.conversations.reply_events import Delta, Done, MessageStored, ReplyAudio, ReplyEvent, Sentence
from echo_voice.domain.echos import Echo
from echo_voice.domain.messages import Conversation, Message
from tests.integration.voice.conversations.conftest import ADA, CONTEXT_CHARACTERS, SPOKEN, Talk
from tests.support.eventually import eventually


def _kinds(events: Sequence[ReplyEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def _only(events: list[ReplyEvent], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


async def test_message_and_reply_are_stored_and_streamed(talk: Talk) -> None:
    events = await talk.send("Hello!")
    assert _kinds(events) == ["MessageStored", "Delta", "Delta", "Sentence", "Delta", "Delta", "Sentence", "Done"]
    assert [event.text for event in _only(events, Delta)] == ["Good ", "morning. ", "How are ", "you?"]
    assert [(event.number, event.text) for event in _only(events, Sentence)] == [(1, "Good morning."), (2, "How are you?")]
    assert await talk.texts() == [("user", "Hello!", "complete"), ("echo", "Good morning. How are you?", "complete")]
    reply = events[-1]
    assert isinstance(reply, Done)
    assert (reply.reply.duration, reply.reply.echo_id, reply.reply.user_id) == (None, talk.echo.id, "usr_ada")


async def test_events_of_messages_have_lengths_and_no_text(talk: Talk) -> None:
    await talk.send("Hello!")
    topics = ["voice.message_sent"] * 2

    async def published() -> bool:
        return [message.topic for message in talk.bus.published if message.topic == topics[0]] == topics

    await eventually(published)
    bodies = [message.body.decode() for message in talk.bus.published if message.topic == topics[0]]
    assert ['"characters":6' in bodies[0].replace(" ", ""), '"characters":26' in bodies[1].replace(" ", "")] == [True, True]
    assert not any(text in body for body in bodies for text in ("Hello", "morning"))


async def test_context_has_persona_greeting_and_earlier_turns(talk: Talk) -> None:
    await talk.send("Hello!")
    await talk.send("And you?")
    request = talk.chat.requests[1]
    assert request.system.startswith("You are Grace.")
    assert list(request.turns) == [
        ChatTurn("echo", "Welcome aboard!"),
        ChatTurn("user", "Hello!"),
        ChatTurn("echo", "Good morning. How are you?"),
        ChatTurn("user", "And you?"),
    ]


def _characters(request: ChatRequest) -> int:
    return len(request.system) + sum(len(turn.text) for turn in request.turns)


async def test_requests_never_exceed_the_context(talk: Talk) -> None:
    async def send_without_reply(length: int) -> int:
        talk.chat.then(ChatTimeoutError())
        with pytest.raises(ChatTimeoutError):
            await talk.send("x" * length)
        return CONTEXT_CHARACTERS - len(talk.chat.requests[-1].system)

    room = await send_without_reply(300)
    await send_without_reply(room - 300)  # with the text between both messages, the first one does not fit
    await send_without_reply(300)
    await talk.send("Hello!")
    assert [len(request.turns[-1].text) for request in talk.chat.requests[:2]] == [300, room - 300]
    assert max(map(_characters, talk.chat.requests)) <= CONTEXT_CHARACTERS


async def test_the_longest_message_fits_beside_the_persona_without_the_summary(talk: Talk) -> None:
    def summarize(held: Conversation) -> None:
        held.summarize("s" * 1_000, 2, after=0, resets=0)

    await talk.send("Hello!")
    await talk.replies.conversations.update((await talk.conversation()).id, summarize)
    await talk.send("Short.")
    assert talk.chat.requests[-1].system.endswith("s" * 1_000)
    stored = await talk.texts()
    with pytest.raises(MessageTooLongError) as refused:
        await talk.send("x" * CONTEXT_CHARACTERS)
    assert await talk.texts() == stored
    assert isinstance(refused.value.details, Mapping)
    await talk.send("x" * refused.value.details["maximum"])
    assert _characters(talk.chat.requests[-1]) == CONTEXT_CHARACTERS
    assert [turn.text[0] for turn in talk.chat.requests[-1].turns] == ["x"]


async def test_first_audio_leaves_while_the_model_still_writes(talk: Talk) -> None:
    finish = asyncio.Event()
    talk.chat.then("First one. ", "Second ", finish, "one.")
    async with talk.replies.open(talk.echo.id, "Hi", ADA, speech=SPOKEN) as reply, aclosing(reply.events()) as events:
        async for event in events:
            if isinstance(event, ReplyAudio):
                break
        assert isinstance(event, ReplyAudio)
        assert (event.number, event.audio, reply.text) == (1, b"First one.", "First one. Second")
        finish.set()
        rest = [event async for event in events]
    assert isinstance(rest[-1], Done)
    assert rest[-1].reply.duration == 2.0
    assert talk.speech.opened == [("token", talk.echo.id, SPOKEN.config)]
    assert (talk.speech.written, talk.speech.open_streams) == ("First one. Second one.", 0)


async def test_sentences_precede_their_audio(talk: Talk) -> None:
    events = await talk.send("Hi", speech=SPOKEN)
    spoken = [event for event in events if isinstance(event, Sentence | ReplyAudio)]
    assert _kinds(spoken) == ["Sentence", "ReplyAudio"] * 2
    assert [event.number for event in spoken] == [1, 1, 2, 2]


async def test_client_that_leaves_stops_model_and_speech(talk: Talk) -> None:
    talk.chat.then("Once upon a time. ", "There was ", asyncio.Event())
    async with talk.replies.open(talk.echo.id, "A story", ADA, speech=SPOKEN) as reply, aclosing(reply.events()) as events:
        async for event in events:
            if isinstance(event, ReplyAudio):
                break
    assert (talk.chat.open_replies, talk.chat.closed_replies, talk.speech.open_streams) == (0, 1, 0)
    assert await talk.texts() == [("user", "A story", "complete"), ("echo", "Once upon a time. There was", "interrupted")]


async def test_reply_without_text_is_not_stored_when_its_client_leaves(talk: Talk) -> None:
    talk.chat.then(asyncio.Event())
    async with talk.replies.open(talk.echo.id, "Hello?", ADA) as reply, aclosing(reply.events()) as events:
        assert isinstance(await anext(events), MessageStored)
    assert await talk.texts() == [("user", "Hello?", "complete")]
    assert talk.chat.open_replies == 0


async def test_client_that_does_not_read_holds_the_speech_and_not_the_model(talk: Talk) -> None:
    talk.chat.then(*["Word. "] * 1_000)
    async with talk.replies.open(talk.echo.id, "Go", ADA, speech=SPOKEN) as reply, aclosing(reply.events()) as events:
        await anext(events)
        await eventually(lambda: len(talk.chat.requests) == 1 and not talk.chat.open_replies)

        async def waits() -> bool:
            before = talk.speech.read
            await asyncio.sleep(0.05)
            return talk.speech.read == before > 0

        await eventually(waits)
        assert talk.speech.read < 20
        rest = [event async for event in events]
    assert (len(_only(rest, Delta)), len(_only(rest, ReplyAudio))) == (1_000, 1_000)


@pytest.mark.parametrize("failure", [ChatModelUnavailableError, ChatTimeoutError, ChatRefusedError, ChatReplyIncompleteError])
async def test_failed_model_leaves_the_partial_reply_as_failed(talk: Talk, failure: type[EchoError]) -> None:
    talk.chat.then("I was about to ", failure())
    with pytest.raises(failure):
        await talk.send("Yes?", speech=SPOKEN)
    assert await talk.texts() == [("user", "Yes?", "complete"), ("echo", "I was about to", "failed")]
    assert talk.speech.open_streams == 0
    talk.chat.then(failure())
    with pytest.raises(failure):
        await talk.send("Again?")
    assert [text for _, text, _ in await talk.texts()] == ["Yes?", "I was about to", "Again?"]
    assert isinstance((await talk.send("And now?"))[-1], Done)


async def test_reply_of_blanks_and_controls_is_empty(talk: Talk) -> None:
    talk.chat.then(" \n", "\x00\x07 ")
    with pytest.raises(EchoError) as raised:
        await talk.send("Hi")
    assert raised.value.code == "CHAT_REPLY_EMPTY"
    talk.chat.then("\n Good\x00 ", "\x1bday\ud800.\n")
    await talk.send("Hi")
    assert (await talk.texts())[-1] == ("echo", "Good day.", "complete")


async def test_model_that_writes_for_ever_is_cut(talk: Talk) -> None:
    talk.chat.then(*["blah " * 100] * 50)
    with pytest.raises(ChatReplyIncompleteError):
        await talk.send("Go")
    (_, text, status) = (await talk.texts())[-1]
    assert (len(text), status) == (MAXIMUM_CHARACTERS - 1, "failed")
    assert talk.chat.closed_replies == 1


async def test_missing_model_is_reported_before_anything_is_stored(talk: Talk) -> None:
    talk.chat.available = False
    with pytest.raises(ChatModelMissingError):
        await talk.send("Hello!")
    assert await talk.texts() == []


@pytest.mark.parametrize("after", [-1, 0, 1])
async def test_failed_speech_ends_alone(talk: Talk, after: int) -> None:
    talk.speech.fails_after, talk.speech.failure = after, ServiceUnavailableError()
    events = await talk.send("Hi", speech=SPOKEN)
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.reply.text, done.reply.status.value) == ("Good morning. How are you?", "complete")
    assert done.speech_error is talk.speech.failure
    assert len(_only(events, ReplyAudio)) == max(0, after)


async def test_speech_may_last_as_long_as_its_text_takes(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echo_voice.conversations.reply.MAXIMUM_SECONDS", 0.2)
    talk.chat.then("Word. " * 50)
    async with talk.replies.open(talk.echo.id, "Go", ADA, speech=SPOKEN) as reply, aclosing(reply.events()) as events:
        await anext(events)
        await asyncio.sleep(0.5)  # longer than the limit of a text that is still being written
        done = [event async for event in events][-1]
    assert isinstance(done, Done)
    assert done.speech_error is None


async def test_speech_that_no_client_reads_ends(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echo_voice.conversations.reply.MAXIMUM_SECONDS", 0.2)
    monkeypatch.setattr("echo_voice.conversations.reply._SPEECH_SECONDS_A_CHARACTER", 0.0)
    talk.chat.then("Word. " * 50)
    async with talk.replies.open(talk.echo.id, "Go", ADA, speech=SPOKEN) as reply, aclosing(reply.events()) as events:
        await anext(events)
        await eventually(lambda: len(talk.speech.opened) == 1 and not talk.speech.open_streams)
        done = [event async for event in events][-1]
    assert isinstance(done, Done)
    assert isinstance(done.speech_error, ServiceUnavailableError)


async def test_speech_over_the_limit_ends_alone(talk: Talk) -> None:
    events = await talk.send("Hi", speech=replace(SPOKEN, most_bytes=len("Good morning.")))
    done = events[-1]
    assert isinstance(done, Done)
    assert done.speech_error is not None
    assert (done.speech_error.code, done.reply.duration) == ("FILE_TOO_LARGE", 1.0)
    assert done.reply.text == "Good morning. How are you?"
    assert (len(_only(events, ReplyAudio)), talk.speech.open_streams) == (1, 0)


async def test_one_reply_at_a_time(talk: Talk) -> None:
    async with talk.replies.open(talk.echo.id, "First", ADA) as reply:
        with pytest.raises(ReplyInProgressError) as raised:
            await talk.send("Second")
        assert raised.value.retry_after is not None
        assert isinstance([event async for event in reply.events()][-1], Done)
    await talk.send("Third")
    assert [text for role, text, _ in await talk.texts() if role == "user"] == ["First", "Third"]


async def test_next_message_can_be_sent_as_soon_as_the_reply_is_done(talk: Talk) -> None:
    async with talk.replies.open(talk.echo.id, "First", ADA) as reply, aclosing(reply.events()) as events:
        async for event in events:
            if isinstance(event, Done):
                assert isinstance((await talk.send("Second"))[-1], Done)
    assert (await talk.conversation()).lease is None
    assert [message.number for message in await talk.messages()] == [1, 2, 3, 4]


async def test_messages_of_other_users_are_refused(talk: Talk) -> None:
    other = type(ADA)("usr_eve", "ses_2", ADA.plan, ADA.role, frozenset())
    with pytest.raises(EchoNotFoundError):
        async with talk.replies.open(talk.echo.id, "Hi", other):
            pass
    assert await talk.replies.conversations.count({}) == 0


async def test_messages_a_day_are_limited(talk: Talk) -> None:
    talk.replies.quotas._live_settings = LiveSettings({QUOTAS[Metric.MESSAGES][Plan.USER].key: 1})
    await talk.send("One")
    with pytest.raises(QuotaExceededError):
        await talk.send("Two")
    assert [text for role, text, _ in await talk.texts() if role == "user"] == ["One"]
    assert (await talk.conversation()).lease is None


async def test_reply_to_a_deleted_conversation_is_not_stored(talk: Talk) -> None:
    async with talk.replies.open(talk.echo.id, "Hello", ADA) as reply, aclosing(reply.events()) as events:
        await anext(events)
        await talk.history.delete_all(talk.echo.id, ADA)
        with pytest.raises(ConversationDeletedError):
            [event async for event in events]
    assert await talk.texts() == []
    assert await talk.replies.conversations.count({}) == 0


async def test_client_that_leaves_during_a_deletion_sees_no_error(talk: Talk) -> None:
    talk.chat.then("Once upon a time ", asyncio.Event())
    async with talk.replies.open(talk.echo.id, "A story", ADA) as reply, aclosing(reply.events()) as events:
        assert [type(await anext(events)) for _ in range(2)] == [MessageStored, Delta]
        await talk.history.delete_all(talk.echo.id, ADA)
    assert (talk.chat.open_replies, await talk.texts()) == (0, [])


async def test_echo_deleted_at_the_start_of_a_reply_keeps_no_conversation(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = talk.replies.conversations.begin_reply

    async def delete_echo_first(*values: Any) -> Any:
        await talk.replies.echos.update(talk.echo.id, Echo.delete)
        return await begin(*values)

    monkeypatch.setattr(talk.replies.conversations, "begin_reply", delete_echo_first)
    with pytest.raises(EchoNotFoundError):
        await talk.send("Hello")
    assert await talk.texts() == []
    assert await talk.replies.conversations.count({}) == 0


@pytest.mark.parametrize("missed", [True, False])
@pytest.mark.parametrize("role", ["user", "echo"])
async def test_message_stored_while_its_conversation_is_deleted_is_deleted(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, role: str, missed: bool
) -> None:
    add = talk.replies.messages.add

    async def add_around_deletion(message: Message) -> None:
        if message.role.value == role and missed:
            await talk.history.delete_all(talk.echo.id, ADA)
        await add(message)
        if message.role.value == role and not missed:
            await talk.history.delete_all(talk.echo.id, ADA)

    monkeypatch.setattr(talk.replies.messages, "add", add_around_deletion)
    with pytest.raises(ConversationDeletedError):
        await talk.send("Hello")
    assert await talk.texts() == []
    assert await talk.replies.conversations.count({}) == 0
