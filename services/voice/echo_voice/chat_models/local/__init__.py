"""A GGUF model on this machine, through llama.cpp in a child process. Extra `chat`."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from echo_common.processors import usable_processors
from echo_voice.chat_models.adapter import ChatAdapter, ChatSpec
from echo_voice.chat_models.local.files import PACKAGED_SAMPLING, model_file
from echo_voice.chat_models.settings import ChatSettings

_FIRST_SECONDS = 60.0
"""Includes loading the model and reading the context."""


def installed() -> bool:
    """Return whether the extra `chat` is installed."""
    return find_spec("xllamacpp") is not None


def spec(settings: ChatSettings, models: Path) -> ChatSpec:
    """Return the model with these settings."""
    file = model_file(models, settings)

    def missing() -> Sequence[str]:
        package = [] if installed() else ["the package xllamacpp: install echo-voice[chat]"]
        return package + ([] if file.is_file() else [f"the model {file.name}; `echoctl models` fetches it"])

    def load() -> ChatAdapter:
        from echo_voice.chat_models.local.adapter import LocalAdapter
        from echo_voice.chat_models.local.process import ModelOptions

        sampling = {} if settings.chat_gguf_url else PACKAGED_SAMPLING
        threads = settings.chat_threads or max(1, usable_processors() // 2)
        return LocalAdapter(ModelOptions(file, threads, settings.chat_context_tokens, sampling), settings.chat_queue)

    return ChatSpec("local", file.stem, settings.chat_first_seconds or _FIRST_SECONDS, missing, load)
