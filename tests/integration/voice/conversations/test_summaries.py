"""Running summaries: their conditions, their content, and the state after a failure."""

import asyncio
from typing import Any

import pytest

from echo_common.contracts.errors.chat import ChatModelUnavailableError
from echo_voice.conversations import repository, summaries
from echo_voice.conversations.summaries import MAXIMUM_SUMMARY, older_messages
from tests.integration.voice.conversations.conftest import ADA, CONTEXT_CHARACTERS, Talk
from tests.support.eventually import eventually

LONG = "x" * 400
SUMMARY = "They spoke about the letter x."


async def _talk_at_length(talk: Talk, *summary: str | ChatModelUnavailableError | asyncio.Event) -> None:
    """Send messages until a summary is due; it is the next reply of the model."""
    talk.chat.then(LONG)
    await talk.send(f"first {LONG}")
    await talk.replies.summaries.finish()
    talk.chat.then(LONG)
    talk.chat.then(*summary)
    await talk.send(f"second {LONG}")


async def test_long_conversations_are_summarised(talk: Talk) -> None:
    await _talk_at_length(talk, SUMMARY)
    await talk.replies.summaries.finish()
    conversation = await talk.conversation()
    assert (conversation.summary, conversation.summarized) == (SUMMARY, 2)
    assert f"User: first {LONG}" in talk.chat.requests[2].turns[0].text
    assert "second" not in talk.chat.requests[2].turns[0].text
    await talk.send("third")
    request = talk.chat.requests[3]
    assert request.system.endswith(SUMMARY)
    assert [turn.text[:6] for turn in request.turns] == ["second", "xxxxxx", "third"], "no greeting, nothing summarised"


async def test_short_conversations_are_not_summarised(talk: Talk) -> None:
    await talk.send("Hello")
    await talk.replies.summaries.finish()
    assert len(talk.chat.requests) == 1
    assert (await talk.conversation()).summary == ""


async def test_failed_summary_leaves_the_earlier_state_and_is_made_later(talk: Talk) -> None:
    await _talk_at_length(talk, ChatModelUnavailableError())
    await talk.replies.summaries.finish()
    assert (await talk.conversation()).summarized == 0
    talk.chat.then("Yes.")
    talk.chat.then(SUMMARY)
    await talk.send("third")
    assert talk.chat.requests[3].turns[-1].text == "third"
    await talk.replies.summaries.finish()
    assert (await talk.conversation()).summary == SUMMARY


async def test_later_summary_continues_the_earlier_one(talk: Talk) -> None:
    await _talk_at_length(talk, SUMMARY)
    await talk.replies.summaries.finish()
    talk.chat.then(LONG)
    talk.chat.then("Longer summary.")
    await talk.send(f"third {LONG}")
    await talk.replies.summaries.finish()
    assert SUMMARY in talk.chat.requests[-1].turns[0].text
    conversation = await talk.conversation()
    assert (conversation.summary, conversation.summarized) == ("Longer summary.", 4)


async def test_summary_of_a_message_that_was_deleted_meanwhile_is_rejected(talk: Talk) -> None:
    wait = asyncio.Event()
    await _talk_at_length(talk, wait, SUMMARY)
    await eventually(lambda: len(talk.chat.requests) == 3)
    first = (await talk.messages())[0]
    await talk.history.delete_message(talk.echo.id, first.id, ADA)
    wait.set()
    await talk.replies.summaries.finish()
    assert (await talk.conversation()).summary == ""


async def test_summary_that_is_made_during_a_deletion_is_discarded(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    await _talk_at_length(talk, ChatModelUnavailableError())
    await talk.replies.summaries.finish()
    erase = talk.replies.messages.update

    async def summarise_first(*values: Any, **more: Any) -> Any:
        talk.chat.then(SUMMARY)
        talk.replies.summaries.start(ADA.user_id, talk.echo.id)
        await talk.replies.summaries.finish()
        assert (await talk.conversation()).summary == SUMMARY
        return await erase(*values, **more)

    monkeypatch.setattr(talk.replies.messages, "update", summarise_first)
    await talk.history.delete_message(talk.echo.id, (await talk.messages())[0].id, ADA)
    assert (await talk.conversation()).summary == ""


async def test_deleted_message_discards_the_summary_that_covers_it(talk: Talk) -> None:
    await _talk_at_length(talk, SUMMARY)
    await talk.replies.summaries.finish()
    messages = await talk.messages()
    await talk.history.delete_message(talk.echo.id, messages[-1].id, ADA)
    assert (await talk.conversation()).summary == SUMMARY
    await talk.history.delete_message(talk.echo.id, messages[0].id, ADA)
    conversation = await talk.conversation()
    assert (conversation.summary, conversation.summarized) == ("", 0)


async def test_summary_has_a_maximum_length(talk: Talk) -> None:
    await _talk_at_length(talk, "a" * (2 * MAXIMUM_SUMMARY))
    await talk.replies.summaries.finish()
    assert len((await talk.conversation()).summary) == MAXIMUM_SUMMARY


async def test_latest_messages_are_not_summarised(talk: Talk) -> None:
    for number in range(4):
        talk.chat.then("y" * 300)
        await talk.send(str(number) + "x" * 299)
        await talk.replies.summaries.finish()
    messages = await talk.messages()
    assert [message.number for message in older_messages(messages, CONTEXT_CHARACTERS)] == [1, 2, 3, 4, 5, 6]
    assert older_messages(messages, 4_800) == ()


async def test_summary_of_many_short_messages_begins_with_the_earliest(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (repository, summaries):
        monkeypatch.setattr(module, "MOST_READ", 10)
    for number in range(6):
        talk.chat.then("Yes.")
        if number >= 4:
            talk.chat.then(f"Summary {number}.")
        await talk.send(f"Question {number}")
        await talk.replies.summaries.finish()
    asked = [request.turns[0].text for request in talk.chat.requests if request.max_tokens == 400]
    assert "Question 0" in asked[0]
    assert (await talk.conversation()).summarized < 12
