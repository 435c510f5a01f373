"""The local language model: llama.cpp in a child process, with the real model."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from echo_common.contracts.errors.chat import ChatModelUnavailableError, ChatReplyIncompleteError, ChatTimeoutError
from echo_voice.chat_model import ChatModel, ChatRequest, ChatTurn
from tests.support.chat_backends import HELLO, opened, outcome, text_of
from tests.support.eventually import eventually

STORY = ChatRequest("", (ChatTurn("user", "Write a long story about the sea."),), 400)
PATIENT = {"chat": "local", "chat_first_seconds": 60.0, "chat_next_seconds": 20.0}


@pytest.fixture
async def model(chat_models: Path) -> AsyncIterator[ChatModel]:
    async with opened(chat_models, **PATIENT) as model:
        yield model


def processes() -> list[psutil.Process]:
    """The processes of language models that this process started."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "echo_voice.chat_models.local" in " ".join(child.cmdline())]


async def test_a_reply_is_streamed_from_a_process_that_starts_with_it(model: ChatModel) -> None:
    assert model.health() == {"model": "local:SmolLM2-135M-Instruct.Q4_1", "state": "ready"}
    assert not processes()
    parts, error = await outcome(model)
    assert error is None
    assert len(parts) > 1
    assert all(parts)
    [process] = processes()
    await model.close()
    assert not process.is_running()


async def test_the_model_reads_the_earlier_turns(model: ChatModel) -> None:
    turns = ("My name is Zoe.", "Nice to meet you, Zoe!", "Repeat my name.")
    request = ChatRequest("", tuple(ChatTurn("echo" if text.endswith("!") else "user", text) for text in turns), 60)
    replies = ["".join((await outcome(model, request))[0]) for _ in range(3)]  # the model samples
    assert any("Zoe" in reply for reply in replies)


async def test_a_conversation_may_begin_with_the_greeting_of_the_echo(model: ChatModel) -> None:
    assert await text_of(model, ChatRequest("You are Ada.", (ChatTurn("echo", "Ahoy!"), *HELLO.turns), 100))


async def test_a_reply_of_the_maximum_length_is_incomplete(model: ChatModel) -> None:
    parts, error = await outcome(model, ChatRequest("", STORY.turns, 16))
    assert (len(parts), type(error)) == (16, ChatReplyIncompleteError)


async def test_closing_a_reply_stops_the_model_without_waiting_for_it(model: ChatModel) -> None:
    reply = model.reply(STORY)
    await anext(reply)
    [process] = processes()
    await reply.aclose()
    assert await text_of(model)
    assert processes() == [process]


async def test_replies_are_written_one_at_a_time_and_the_queue_is_bounded(chat_models: Path) -> None:
    async with opened(chat_models, chat_queue=1, **PATIENT) as model, aclosing(model.reply(STORY)) as writing:
        await anext(writing)
        waiting = asyncio.create_task(text_of(model))
        await asyncio.sleep(0)
        with pytest.raises(ChatModelUnavailableError, match="busy") as refused:
            await text_of(model)
        assert refused.value.retry_after
        assert not waiting.done()
        await writing.aclose()
        assert await waiting


async def test_a_cancelled_reply_leaves_the_queue(chat_models: Path) -> None:
    async with opened(chat_models, chat_queue=1, **PATIENT) as model, aclosing(model.reply(STORY)) as writing:
        await anext(writing)
        waiting = asyncio.create_task(text_of(model))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        waiting = asyncio.create_task(text_of(model))
        await writing.aclose()
        assert await waiting


@pytest.mark.parametrize("when", ["writing", "idle"])
async def test_a_crash_fails_at_most_the_reply_in_progress(model: ChatModel, when: str) -> None:
    reply = model.reply(STORY)
    await anext(reply)
    [process] = processes()
    if when == "idle":
        await reply.aclose()
        assert await text_of(model)
    process.kill()
    if when == "writing":
        with pytest.raises(ChatReplyIncompleteError):
            [part async for part in reply]
    await eventually(lambda: not process.is_running())
    assert await text_of(model)


async def test_a_hanging_model_is_replaced(chat_models: Path) -> None:
    async with opened(chat_models, **(PATIENT | {"chat_next_seconds": 0.5})) as model:
        reply = model.reply(STORY)
        await anext(reply)
        [process] = processes()
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(ChatTimeoutError):
            [part async for part in reply]
        assert await text_of(model)
        assert not process.is_running()


async def test_a_conversation_that_exceeds_the_context_is_refused(chat_models: Path) -> None:
    async with opened(chat_models, chat_context_tokens=512, **PATIENT) as model:
        with pytest.raises(ChatModelUnavailableError, match="ECHO_VOICE_CHAT_CONTEXT_TOKENS"):
            await text_of(model, ChatRequest("", (ChatTurn("user", "word " * 600),)))
        assert await text_of(model)


async def test_a_damaged_model_is_unavailable_and_leaves_no_process(tmp_path: Path, chat_models: Path) -> None:
    file = tmp_path / "chat" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    file.parent.mkdir()
    file.write_bytes(b"GGUF" + bytes(1_000))
    async with opened(tmp_path, **PATIENT) as model:
        with pytest.raises(ChatModelUnavailableError, match="cannot be loaded"):
            await text_of(model)
        assert not processes()


async def test_closing_the_model_fails_the_reply_in_progress(model: ChatModel) -> None:
    reply = model.reply(STORY)
    await anext(reply)
    await model.close()
    with pytest.raises(ChatReplyIncompleteError):
        [part async for part in reply]
    assert not processes()
