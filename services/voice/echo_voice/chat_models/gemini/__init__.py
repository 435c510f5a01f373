"""Google Gemini, through `google-genai`. It needs an API key and sends the conversation to the provider. Extra `gemini`."""

from collections.abc import Sequence
from importlib.util import find_spec

from echo_voice.chat_models.adapter import ChatAdapter, ChatSpec
from echo_voice.chat_models.settings import ChatSettings

_MODEL = "gemini-3.8-flash"
_FIRST_SECONDS = 20.0


def spec(settings: ChatSettings) -> ChatSpec:
    """Return the model with these settings."""
    model = settings.chat_model or _MODEL

    def missing() -> Sequence[str]:
        if find_spec("google") is None or find_spec("google.genai") is None:
            return ["the package google-genai: install echo-voice[gemini]"]
        return [] if settings.key else ["a key: set ECHO_VOICE_CHAT_KEY"]

    def load() -> ChatAdapter:
        from echo_voice.chat_models.gemini.client import GeminiAdapter

        return GeminiAdapter(settings, model)

    return ChatSpec("gemini", model, settings.chat_first_seconds or _FIRST_SECONDS, missing, load)
