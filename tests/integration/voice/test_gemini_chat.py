"""Gemini's wire format, through its real SDK."""

import json
from collections.abc import AsyncIterator

import pytest

from echo_common.contracts.errors.chat import ChatModelUnavailableError, ChatRefusedError, ChatReplyIncompleteError
from echo_common.errors import EchoError
from tests.support import gemini_server as answers
from tests.support.chat_backends import CONVERSATION, KEY, SECRET, ServedBackend, gemini, outcome, text_of
from tests.support.provider import Answer, Reply


@pytest.fixture
async def backend() -> AsyncIterator[ServedBackend]:
    async with gemini() as backend:
        yield backend


async def test_a_reply_is_a_single_streamed_request_with_the_key_in_a_header(backend: ServedBackend) -> None:
    assert await text_of(backend.model, CONVERSATION) == "Good morning."
    (asked,) = backend.provider.asked
    assert asked.path == "/v1beta/models/gemini-3.8-flash:streamGenerateContent"
    assert asked.query == {"alt": ["sse"]}
    assert asked.headers["x-goog-api-key"] == KEY
    assert "echo-reply" not in asked.headers
    body = json.loads(asked.body)
    assert body["systemInstruction"]["parts"] == [{"text": "You are Ada."}]
    turns = [(content["role"], content["parts"][0]["text"]) for content in body["contents"]]
    assert turns == [("user", "…"), ("model", "Ahoy!"), ("user", SECRET), ("model", "I see."), ("user", "Go on.")]
    assert body["generationConfig"]["maxOutputTokens"] >= 100


@pytest.mark.parametrize(
    ("finish", "error"),
    [
        *(
            (reason, ChatRefusedError)
            for reason in ("SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "LANGUAGE")
        ),
        *(
            (reason, ChatReplyIncompleteError)
            for reason in ("MAX_TOKENS", "OTHER", "MALFORMED_RESPONSE", "SOMETHING_NEW", None)
        ),
    ],
)
async def test_only_stop_is_a_complete_reply(backend: ServedBackend, finish: str | None, error: type[EchoError]) -> None:
    backend.provider.then(answers.say("Good ", finish=finish))
    parts, ended = await outcome(backend.model)
    assert (parts, type(ended)) == (["Good "], error)


def drop(reply: Reply) -> None:
    """Close the connection without a response."""
    reply.cut()


@pytest.mark.parametrize(
    ("answer", "message", "retry_after"),
    [
        (answers.bad_key, "ECHO_VOICE_CHAT_KEY", None),
        (answers.error(403, "PERMISSION_DENIED", SECRET), "ECHO_VOICE_CHAT_KEY", None),
        (answers.error(404, "NOT_FOUND", SECRET), "ECHO_VOICE_CHAT_MODEL", None),
        (answers.error(400, "INVALID_ARGUMENT", SECRET), "400", None),
        (answers.throttled("37s"), "429", 37),
        (answers.error(429, "RESOURCE_EXHAUSTED", SECRET, retry_after="12"), "429", 12),
        (answers.error(503, "UNAVAILABLE", SECRET, retry_after="Mon, 23 Nov 2026 00:00:00 GMT"), "503", 2),
        (drop, "connection", 2),
    ],
    ids=["bad key", "403", "404", "400", "429 RetryInfo", "429 Retry-After", "503 with a date", "no response"],
)
async def test_errors_become_unavailable_without_the_text_of_the_provider(
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


@pytest.mark.parametrize("answer", [answers.garbled, answers.empty], ids=["garbled", "empty body"])
async def test_responses_of_another_form_are_incomplete(backend: ServedBackend, answer: Answer) -> None:
    backend.provider.then(answer)
    _, error = await outcome(backend.model)
    assert isinstance(error, ChatReplyIncompleteError)


async def test_an_error_in_the_middle_of_the_stream_breaks_the_reply_off(backend: ServedBackend) -> None:
    def fail_halfway(reply: Reply) -> None:
        answers.events(reply, answers.text_response("Good "), {"error": {"code": 503, "message": SECRET}})
        reply.end()

    backend.provider.then(fail_halfway)
    parts, error = await outcome(backend.model)
    assert (parts, type(error)) == (["Good "], ChatReplyIncompleteError)
