"""Behaviour of every language model: a scripted one, and each adapter with its real SDK and a local server."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

import pytest

from echo_common.contracts.errors.chat import (
    ChatModelUnavailableError,
    ChatRefusedError,
    ChatReplyEmptyError,
    ChatReplyIncompleteError,
    ChatTimeoutError,
)
from echo_common.errors import EchoError
from echo_voice.chat_models import http
from tests.support.chat_backends import BACKENDS, HELLO, ChatBackend, outcome, text_of
from tests.support.eventually import eventually
from tests.support.provider import Answer, Reply


@pytest.fixture(params=BACKENDS)
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[ChatBackend]:
    async with BACKENDS[request.param]() as backend:
        yield backend


async def test_a_reply_is_streamed_in_parts_that_are_not_empty(backend: ChatBackend) -> None:
    backend.say("\n ", "Good ", "", "morn", "ing.")
    parts = [part async for part in backend.model.reply(HELLO)]
    assert parts == ["Good ", "morn", "ing."]


async def test_parts_arrive_before_the_end_of_the_reply(backend: ChatBackend) -> None:
    backend.say_and_stall("Good ", "morning")
    async with aclosing(backend.model.reply(HELLO)) as reply:
        assert [await anext(reply), await anext(reply)] == ["Good ", "morning"]


async def test_closing_a_reply_closes_the_stream_of_the_model(backend: ChatBackend) -> None:
    backend.say_and_stall("Good ")
    reply = backend.model.reply(HELLO)
    await anext(reply)
    await reply.aclose()
    await eventually(backend.stalled_reply_closed)
    assert await text_of(backend.model)


async def test_cancelling_a_reply_closes_the_stream_of_the_model(backend: ChatBackend) -> None:
    backend.say_and_stall("Good ")
    read = asyncio.Event()

    async def consume() -> None:
        async for _ in backend.model.reply(HELLO):
            read.set()

    consuming = asyncio.create_task(consume())
    await read.wait()
    consuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consuming
    await eventually(backend.stalled_reply_closed)


@pytest.mark.parametrize("kind", BACKENDS)
@pytest.mark.parametrize(
    ("parts", "limit"),
    [((), {"chat_first_seconds": 0.5}), (("Once ", "upon a ti"), {"chat_next_seconds": 1.0})],
    ids=["at the start", "in the middle"],
)
async def test_a_model_that_stops_writing_is_a_timeout(kind: str, parts: tuple[str, ...], limit: dict[str, float]) -> None:
    async with BACKENDS[kind](**limit) as backend:
        backend.say_and_stall(*parts)
        read, error = await outcome(backend.model)
        assert (tuple(read), type(error)) == (parts, ChatTimeoutError)
        await eventually(backend.stalled_reply_closed)


async def test_a_reply_that_breaks_off_is_incomplete(backend: ChatBackend) -> None:
    backend.say_and_cut("Once ", "upon a ti")
    read, error = await outcome(backend.model)
    assert (read, type(error)) == (["Once ", "upon a ti"], ChatReplyIncompleteError)


async def test_a_reply_of_the_maximum_length_is_incomplete(backend: ChatBackend) -> None:
    backend.say_too_long("Once ", "upon a ti")
    with pytest.raises(ChatReplyIncompleteError):
        await text_of(backend.model)


@pytest.mark.parametrize("parts", [(), ("", " \n")], ids=["no part", "whitespace"])
async def test_a_reply_without_text_is_an_error(backend: ChatBackend, parts: tuple[str, ...]) -> None:
    backend.say(*parts)
    with pytest.raises(ChatReplyEmptyError):
        await text_of(backend.model)


async def test_a_refusal_is_an_error(backend: ChatBackend) -> None:
    backend.refuse()
    with pytest.raises(ChatRefusedError):
        await text_of(backend.model)


async def test_an_overloaded_model_is_unavailable(backend: ChatBackend) -> None:
    backend.fail()
    with pytest.raises(ChatModelUnavailableError) as refused:
        await text_of(backend.model)
    assert refused.value.retry_after


async def test_an_endless_reply_is_cut(backend: ChatBackend) -> None:
    backend.say(*["word " * 2_000] * 4)
    with pytest.raises(ChatReplyIncompleteError):
        await text_of(backend.model)


def write_without_end(reply: Reply) -> None:
    reply.start("text/event-stream")
    with suppress(ConnectionError):
        while not reply.wait_until_closed(0.001):
            reply.chunk(b"data: " + b"x" * 50_000)


def compress(reply: Reply) -> None:
    reply.whole(gzip.compress(b"data: " + bytes(10_000_000)), "text/event-stream", content_encoding="gzip")


@pytest.mark.parametrize("answer", [write_without_end, compress])
@pytest.mark.parametrize("kind", ["gemini", "openai"])
async def test_a_response_without_end_or_compressed_is_refused(
    kind: str, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MOST_BYTES", 1_000_000)
    async with BACKENDS[kind]() as backend:
        backend.provider.then(answer)
        read, error = await outcome(backend.model)
        assert (read, type(error)) == ([], ChatModelUnavailableError)
        assert await text_of(backend.model) == "Good morning."


async def test_a_failed_reply_does_not_affect_the_next(backend: ChatBackend) -> None:
    backend.say_and_cut("Once ")
    backend.say("Good ", "morning.")
    with pytest.raises(EchoError):
        await text_of(backend.model)
    assert await text_of(backend.model) == "Good morning."


async def test_replies_are_streamed_concurrently(backend: ChatBackend) -> None:
    backend.say_and_stall("Once ")
    async with aclosing(backend.model.reply(HELLO)) as stalled:
        assert await anext(stalled) == "Once "
        backend.say("Good ", "morning.")
        assert await text_of(backend.model) == "Good morning."


async def test_the_name_tells_adapter_and_model(backend: ChatBackend) -> None:
    assert backend.model.health() == {"model": backend.model.name, "state": "ready"}
