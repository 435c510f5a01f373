"""Endpoints that are compatible with OpenAI's (Ollama, llama.cpp, vLLM, OpenAI), through `openai`. Extra `openai`."""

from collections.abc import Sequence
from importlib.util import find_spec

from echo_voice.chat_models.adapter import ChatAdapter, ChatSpec
from echo_voice.chat_models.settings import ChatSettings

_FIRST_SECONDS = 20.0


def spec(settings: ChatSettings) -> ChatSpec:
    """Return the model with these settings."""
    url, model = settings.chat_url, settings.chat_model

    def missing() -> Sequence[str]:
        package = [] if find_spec("openai") else ["the package openai: install echo-voice[openai]"]
        address = [] if url else ["an address: set ECHO_VOICE_CHAT_URL"]
        name = [] if model else ["a model: set ECHO_VOICE_CHAT_MODEL"]
        return [*package, *address, *name]

    def load() -> ChatAdapter:
        from echo_voice.chat_models.openai.client import OpenAIAdapter

        assert url is not None  # noqa: S101 - otherwise missing
        assert model is not None  # noqa: S101
        return OpenAIAdapter(url, model, settings.key)

    return ChatSpec("openai", model or "", settings.chat_first_seconds or _FIRST_SECONDS, missing, load)
