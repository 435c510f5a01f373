"""Repeats of requests with an idempotency key: one message, one count against the quota, and one complete reply."""

from datetime import timedelta
from typing import Any

import pytest

from echo_common.clock import now
from echo_common.contracts.errors.chat import ChatTimeoutError
from echo_common.contracts.values import Metric
from echo_common.errors import EchoError
from echo_voice.chat_model import ChatTurn
from echo_voice.conversations import repeats
from echo_voice.conversations.reply_events import Done, MessageStored, ReplyAudio, ReplyEvent
from tests.integration.voice.conversations.conftest import ADA, SPOKEN, Talk

REPLY = "Good morning. How are you?"


async def ask(talk: Talk, key: str = "k", **more: Any) -> list[ReplyEvent]:
    async with talk.replies.open(talk.echo.id, "Hello", ADA, request_key=key, **more) as reply:
        return [event async for event in reply.events()]


async def fail(talk: Talk, *parts: str) -> None:
    talk.chat.then(*parts, ChatTimeoutError())
    with pytest.raises(EchoError):
        await ask(talk)


async def counted(talk: Talk) -> int:
    return (await talk.replies.quotas.usage(ADA))[Metric.MESSAGES]


async def test_repeat_returns_the_stored_reply_and_speaks_it_again(talk: Talk) -> None:
    events, repeated = [await ask(talk, speech=SPOKEN) for _ in range(2)]
    assert len(talk.chat.requests) == 1
    assert await talk.texts() == [("user", "Hello", "complete"), ("echo", REPLY, "complete")]
    assert await counted(talk) == 1
    assert isinstance(repeated[0], MessageStored)
    assert isinstance(repeated[-1], Done)
    assert (repeated[0], repeated[-1]) == (events[0], events[-1])
    assert b"".join(event.audio for event in repeated if isinstance(event, ReplyAudio)) == b"Good morning.How are you?"
    assert (await talk.conversation()).lease is None


async def test_repeat_of_an_earlier_request_returns_its_reply(talk: Talk) -> None:
    first = await ask(talk)
    await ask(talk, "another")
    assert (await ask(talk))[-1] == first[-1]
    assert len(await talk.texts()) == 4


@pytest.mark.parametrize("parts", [(), ("Once upon",)])
async def test_reply_that_broke_off_is_written_again(talk: Talk, parts: tuple[str, ...]) -> None:
    await fail(talk, *parts)
    await ask(talk)
    assert await talk.texts() == [("user", "Hello", "complete"), ("echo", REPLY, "complete")]
    assert await counted(talk) == 1
    assert talk.chat.requests[0] == talk.chat.requests[1]


async def test_reply_that_broke_off_remains_once_the_conversation_went_on(talk: Talk) -> None:
    await fail(talk, "Once upon")
    await talk.send("What?")
    before = await talk.texts()
    done = (await ask(talk))[-1]
    assert isinstance(done, Done)
    assert (done.reply.text, done.reply.status.value) == ("Once upon", "failed")
    assert await talk.texts() == before


async def test_missing_reply_is_written_from_what_came_before_its_message(talk: Talk) -> None:
    await talk.send("First")
    await fail(talk)
    await talk.send("Third")
    await ask(talk)
    assert [turn.text for turn in talk.chat.requests[-1].turns[-3:]] == ["First", REPLY, "Hello"]
    assert talk.chat.requests[-1].turns[-1] == ChatTurn("user", "Hello")
    assert [text for _, text, _ in await talk.texts()] == ["First", REPLY, "Hello", REPLY, "Third", REPLY]


async def test_a_key_belongs_to_a_day(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    await ask(talk)
    monkeypatch.setattr(repeats, "now", lambda: now() + timedelta(hours=25))
    await ask(talk)
    assert len(await talk.texts()) == 4


async def test_repeat_after_the_deletion_of_its_reply_is_a_new_message(talk: Talk) -> None:
    first = (await ask(talk))[-1]
    assert isinstance(first, Done)
    await talk.history.delete_message(talk.echo.id, first.reply.id, ADA)
    await ask(talk)
    assert [text for _, text, _ in await talk.texts()] == ["Hello", "Hello", REPLY]
    assert await counted(talk) == 2


async def test_late_reply_leaves_the_context_of_the_next_message(talk: Talk) -> None:
    await fail(talk)
    await talk.send("What?")
    conversation = await talk.conversation()
    await talk.replies.conversations.update(conversation.id, lambda held: held.summarize("", 2, after=0, resets=0))
    await ask(talk)
    await talk.send("And then?")
    assert [turn.text for turn in talk.chat.requests[-1].turns[-3:]] == ["What?", REPLY, "And then?"]
