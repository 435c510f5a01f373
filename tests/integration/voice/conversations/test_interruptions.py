"""Interrupted replies: the history keeps the heard part."""

import asyncio
from contextlib import aclosing

from echo_voice.conversations.reply_events import Delta, Done, MessageStored, ReplyAudio
from tests.integration.voice.conversations.conftest import ADA, SPOKEN, Talk


async def test_interrupted_reply_keeps_the_heard_part(talk: Talk) -> None:
    talk.chat.then("Good morning, dear friend. ", "How are ", asyncio.Event())
    async with talk.replies.open(talk.echo.id, "Hi", ADA, speech=SPOKEN) as reply, aclosing(reply.events()) as events:
        async for event in events:
            if isinstance(event, ReplyAudio):
                reply.stop()
        assert (talk.chat.open_replies, talk.speech.open_streams) == (0, 0)
        kept = await reply.interrupt(1.1)
    assert kept is not None
    assert (kept.text, kept.duration) == ("Good morning,", 1.1)
    assert (await talk.texts())[1:] == [("echo", "Good morning,", "interrupted")]
    await talk.send("Go on")
    assert [turn.text for turn in talk.chat.requests[-1].turns][-2:] == ["Good morning,", "Go on"]


async def test_reply_of_a_deleted_conversation_is_interrupted_without_an_error(talk: Talk) -> None:
    talk.chat.then("Once upon a time ", asyncio.Event())
    async with talk.replies.open(talk.echo.id, "A story", ADA) as reply, aclosing(reply.events()) as events:
        assert [type(await anext(events)) for _ in range(2)] == [MessageStored, Delta]
        await talk.history.delete_all(talk.echo.id, ADA)
        assert await reply.interrupt(0.1) is None
    assert await talk.texts() == []


async def test_reply_is_interrupted_after_its_last_event_as_its_audio_still_plays(talk: Talk) -> None:
    async with talk.replies.open(talk.echo.id, "Hi", ADA, speech=SPOKEN) as reply:
        events = [event async for event in reply.events()]
    assert isinstance(events[-1], Done)
    assert await reply.interrupt(0.6) is not None
    assert (await talk.texts())[1:] == [("echo", "Good", "interrupted")]


async def test_reply_of_which_nothing_was_heard_is_deleted(talk: Talk) -> None:
    talk.chat.then("Never heard. ", asyncio.Event())
    async with talk.replies.open(talk.echo.id, "Hi", ADA, speech=SPOKEN) as reply, aclosing(reply.events()) as events:
        async for event in events:
            if isinstance(event, ReplyAudio):
                break
        assert await reply.interrupt(0.1) is None
        assert [event async for event in events] == []
    assert await talk.texts() == [("user", "Hi", "complete")]


async def test_reply_that_was_played_to_its_end_stays_complete(talk: Talk) -> None:
    async with talk.replies.open(talk.echo.id, "Hi", ADA, speech=SPOKEN) as reply:
        [event async for event in reply.events()]
    assert await reply.interrupt(2.5) is not None
    assert (await talk.texts())[1:] == [("echo", "Good morning. How are you?", "complete")]


async def test_reply_that_was_deleted_meanwhile_stays_deleted(talk: Talk) -> None:
    async with talk.replies.open(talk.echo.id, "Hi", ADA, speech=SPOKEN) as reply:
        [event async for event in reply.events()]
    await talk.history.delete_all(talk.echo.id, ADA)
    assert await reply.interrupt(0.6) is None
    assert await talk.texts() == []
