"""The configured model opens its adapter once, measures replies and hides unexpected errors."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from echo_common.contracts.errors.chat import ChatModelUnavailableError, ChatReplyIncompleteError
from echo_common.metrics import Metrics
from echo_voice.chat_model import ChatRequest
from echo_voice.chat_models.adapter import ChatAdapter, ChatSpec
from echo_voice.chat_models.configured import ConfiguredChatModel
from echo_voice.chat_models.settings import ChatSettings
from tests.support.chat_backends import outcome, text_of

SECRET = "the secret of the user"


class Adapter:
    """An adapter that replies with these parts, then fails with this error."""

    def __init__(self, *parts: str, error: Exception | None = None) -> None:
        self._parts = parts
        self._error = error
        self.closed = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[str, None]:
        for part in self._parts:
            yield part
        if self._error:
            raise self._error

    async def close(self) -> None:
        self.closed += 1


def configured(
    adapter: Adapter, metrics: Metrics | None = None, loaded: list[ChatAdapter] | None = None
) -> ConfiguredChatModel:
    def load() -> ChatAdapter:
        if loaded is not None:
            loaded.append(adapter)
        return adapter

    spec = ChatSpec("openai", "test", 5.0, list, load)
    return ConfiguredChatModel(spec, ChatSettings(), (metrics or Metrics()).chat)


async def test_the_adapter_is_opened_once_with_the_first_reply() -> None:
    adapter, loaded = Adapter("Good ", "morning."), list[ChatAdapter]()
    model = configured(adapter, loaded=loaded)
    unread = model.reply(ChatRequest("", ()))
    assert not loaded
    assert set(await asyncio.gather(text_of(model), text_of(model))) == {"Good morning."}
    assert loaded == [adapter]
    await unread.aclose()
    await model.close()
    await model.close()
    assert adapter.closed == 1


async def test_a_model_that_was_never_asked_closes() -> None:
    adapter = Adapter()
    await configured(adapter).close()
    assert not adapter.closed


async def test_parts_and_the_time_to_the_first_are_measured() -> None:
    metrics = Metrics()
    await text_of(configured(Adapter("Good ", "morning."), metrics))
    values = metrics.registry.get_sample_value
    assert values("echo_chat_parts_total", {"adapter": "openai"}) == 2
    assert values("echo_chat_first_part_seconds_count", {"adapter": "openai"}) == 1
    assert values("echo_chat_failures_total", {"adapter": "openai", "code": "CHAT_REPLY_EMPTY"}) is None


async def test_unexpected_errors_are_unavailable_without_their_text(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics()
    model = configured(Adapter(error=KeyError(SECRET)), metrics)
    _, error = await outcome(model)
    assert isinstance(error, ChatModelUnavailableError)
    assert "KeyError" in error.message
    assert SECRET not in error.message + capsys.readouterr().out
    labels = {"adapter": "openai", "code": "CHAT_MODEL_UNAVAILABLE"}
    assert metrics.registry.get_sample_value("echo_chat_failures_total", labels) == 1


async def test_an_outage_in_the_middle_of_a_reply_breaks_it_off() -> None:
    parts, error = await outcome(configured(Adapter("Good ", error=ChatModelUnavailableError())))
    assert (parts, type(error)) == (["Good "], ChatReplyIncompleteError)


async def test_the_health_shows_the_last_failure_until_a_reply_succeeds() -> None:
    adapter = Adapter()
    model = configured(adapter)
    await outcome(model)
    assert model.health() == {"model": "openai:test", "state": "the last reply failed: CHAT_REPLY_EMPTY"}
    adapter._parts = ("Good morning.",)
    await text_of(model)
    assert model.health() == {"model": "openai:test", "state": "ready"}
