"""The wire format of OpenAI-compatible endpoints, through the real SDK."""

import json
import threading
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from echo_common.contracts.errors.chat import ChatModelUnavailableError, ChatRefusedError, ChatReplyIncompleteError
from tests.support import openai_server as answers
from tests.support.chat_backends import CONVERSATION, KEY, SECRET, ServedBackend, openai, opened, outcome, text_of
from tests.support.provider import Answer, Reply


@pytest.fixture
async def backend() -> AsyncIterator[ServedBackend]:
    async with openai() as backend:
        yield backend


async def test_a_reply_is_a_single_streamed_request(backend: ServedBackend) -> None:
    assert await text_of(backend.model, CONVERSATION) == "Good morning."
    (asked,) = backend.provider.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(asked.body) == {
        "model": "llama3.2",
        "stream": True,
        "max_tokens": 100,
        "messages": [
            {"role": "system", "content": "You are Ada."},
            {"role": "user", "content": "…"},
            {"role": "assistant", "content": "Ahoy!"},
            {"role": "user", "content": SECRET},
            {"role": "assistant", "content": "I see."},
            {"role": "user", "content": "Go on."},
        ],
    }


async def test_keys_of_the_environment_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "another-key")
    monkeypatch.setenv("OPENAI_ORG_ID", "another-organisation")
    async with openai(chat_key=SecretStr("")) as backend:
        await text_of(backend.model)
        sent = str(backend.provider.asked[0].headers)
    assert "another" not in sent


async def test_the_configured_maximum_bounds_every_reply() -> None:
    async with openai(chat_max_tokens=64) as backend:
        await text_of(backend.model, CONVERSATION)
        assert json.loads(backend.provider.asked[0].body)["max_tokens"] == 64


async def test_thoughts_in_the_text_are_removed(backend: ServedBackend) -> None:
    backend.provider.then(answers.say("<th", "ink>The user greets", " me.</thi", "nk>\n\nGood ", "morning."))
    parts, error = await outcome(backend.model)
    assert (parts, error) == (["Good ", "morning."], None)


async def test_a_complete_reply_does_not_wait_for_the_end_of_the_stream(backend: ServedBackend) -> None:
    closed = threading.Event()

    def stall_after_the_last_part(reply: Reply) -> None:
        answers.send(reply, answers.chunk("Good morning."), answers.chunk(finish="stop"))
        if reply.wait_until_closed():
            closed.set()

    backend.provider.then(stall_after_the_last_part)
    assert await text_of(backend.model) == "Good morning."
    assert closed.wait(10)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (answers.say("Good ", finish="content_filter"), ChatRefusedError),
        (answers.error(400, "content_filter"), ChatRefusedError),
        (answers.say("Good ", finish="tool_calls"), ChatReplyIncompleteError),
        (answers.say("Good ", finish=None), ChatReplyIncompleteError),
        (answers.fail_halfway, ChatReplyIncompleteError),
    ],
    ids=["filtered reply", "filtered message", "tool", "no reason", "error event"],
)
async def test_only_stop_is_a_complete_reply(backend: ServedBackend, answer: Answer, error: type[Exception]) -> None:
    backend.provider.then(answer)
    assert type((await outcome(backend.model))[1]) is error


def drop(reply: Reply) -> None:
    """Close the connection without a response."""
    reply.cut()


@pytest.mark.parametrize(
    ("answer", "message", "retry_after"),
    [
        (answers.error(401, "invalid_api_key", f"Incorrect API key: {KEY}"), "ECHO_VOICE_CHAT_KEY", None),
        (answers.error(404, "model_not_found", SECRET), "ECHO_VOICE_CHAT_MODEL", None),
        (answers.error(400, "context_length_exceeded", SECRET), "400", None),
        (answers.error(429, "rate_limit_exceeded", SECRET, retry_after="7"), "429", 7),
        (answers.error(500, None, SECRET), "500", 2),
        (drop, "connection", 2),
    ],
    ids=["401", "404", "400", "429", "500", "no response"],
)
async def test_errors_become_unavailable_without_the_text_of_the_server(
    backend: ServedBackend, capsys: pytest.CaptureFixture[str], answer: Answer, message: str, retry_after: int | None
) -> None:
    backend.provider.then(answer)
    _, error = await outcome(backend.model, CONVERSATION)
    assert isinstance(error, ChatModelUnavailableError)
    assert message in error.message
    assert error.retry_after == retry_after
    assert len(backend.provider.asked) == 1
    logged = capsys.readouterr()
    assert "CHAT_MODEL_UNAVAILABLE" in logged.out
    assert not {text for text in (SECRET, KEY) if text in error.message + logged.out + logged.err}


async def test_an_endpoint_without_a_server_is_unavailable() -> None:
    async with opened(chat_url="http://127.0.0.1:9/v1", chat_model="llama3.2", chat_first_seconds=5.0) as model:
        _, error = await outcome(model)
        assert isinstance(error, ChatModelUnavailableError)
        assert model.health()["state"] == "the last reply failed: CHAT_MODEL_UNAVAILABLE"


@pytest.mark.parametrize(
    "data",
    [b"{", b"[]", b'"text"', b'{"choices": [{}]}', b'{"choices": 7}', b"\xff"],
    ids=["cut", "list", "text", "empty", "number", "bytes"],
)
async def test_chunks_of_another_form_are_incomplete(backend: ServedBackend, data: bytes) -> None:
    def garbled(reply: Reply) -> None:
        reply.start("text/event-stream")
        reply.chunk(b"data: " + data + b"\n\n")
        reply.end()

    backend.provider.then(garbled)
    _, error = await outcome(backend.model)
    assert isinstance(error, ChatReplyIncompleteError)


async def test_a_page_in_place_of_a_stream_is_incomplete(backend: ServedBackend) -> None:
    backend.provider.then(lambda reply: reply.whole(b"<html>Welcome</html>", "text/html"))
    _, error = await outcome(backend.model)
    assert isinstance(error, ChatReplyIncompleteError)
