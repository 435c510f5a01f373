"""Language models: the adapters of the port `ChatModel`, and the one that the settings select."""

from pathlib import Path

from echo_common.metrics import ChatMetrics
from echo_voice.chat_models import gemini, local, openai
from echo_voice.chat_models.adapter import ChatSpec
from echo_voice.chat_models.configured import ConfiguredChatModel
from echo_voice.chat_models.settings import ChatSettings


def open_chat_model(settings: ChatSettings, models: Path, metrics: ChatMetrics) -> ConfiguredChatModel:
    """Return the language model that the settings select; nothing connects or loads before its first reply."""
    return ConfiguredChatModel(_spec(settings, models), settings, metrics)


def _spec(settings: ChatSettings, models: Path) -> ChatSpec:
    match settings.chat or ("openai" if settings.chat_url else "local"):
        case "gemini":
            return gemini.spec(settings)
        case "openai":
            return openai.spec(settings)
        case _:
            return local.spec(settings, models)
