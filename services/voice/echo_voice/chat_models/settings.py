"""Settings of the language model."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from echo_common.settings import settings_config
from echo_voice.downloads import require_safe_url


def _base_url(url: str) -> str:
    """Return the URL without a final slash. Raises `ValueError` unless it is one of HTTP, without credentials."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it must be a URL such as http://127.0.0.1:11434/v1")
    if "@" in parts.netloc:
        raise ValueError("it must not contain credentials; set ECHO_VOICE_CHAT_KEY")
    return url.rstrip("/")


def _unset_if_empty(value: object) -> object:
    """Return the value, None for an empty text, which a variable without a value is."""
    return value or None


_Optional = BeforeValidator(_unset_if_empty)


class ChatSettings(BaseSettings):
    """Settings of the language model that writes the replies of echos."""

    model_config = settings_config("ECHO_VOICE_")

    chat: Literal["", "gemini", "openai", "local"] = Field(
        "",
        description="Language model of echos: gemini, openai (any compatible endpoint) or local; empty selects openai if "
        "ECHO_VOICE_CHAT_URL is set, else local.",
    )
    chat_url: Annotated[Annotated[str, AfterValidator(_base_url)] | None, _Optional] = Field(
        None,
        description="Base URL of the OpenAI-compatible endpoint, e.g. http://127.0.0.1:11434/v1 for Ollama; for gemini, "
        "of another endpoint than Google's.",
    )
    chat_model: Annotated[str | None, _Optional] = Field(
        None, description="Name of the model; required for openai, gemini-3.8-flash for gemini if unset."
    )
    chat_key: SecretStr | None = Field(None, description="API key; required for gemini, optional for openai.")
    chat_max_tokens: int = Field(512, ge=16, le=32_768, description="Maximum length of a reply in tokens.")
    chat_first_seconds: float | None = Field(
        None, gt=0, le=600, description="Time limit for the first part of a reply in seconds; if unset 20, for local 60."
    )
    chat_next_seconds: float = Field(10.0, gt=0, le=600, description="Time limit for each later part of a reply in seconds.")
    chat_threads: int = Field(
        0,
        ge=0,
        le=256,
        description="Threads of the local model; 0: half of the usable processors, because a model slows down greatly when a thread waits for one.",
    )
    chat_context_tokens: int = Field(
        8_192, ge=512, le=1_048_576, description="Context of the local model in tokens; memory grows with it."
    )
    chat_queue: int = Field(
        4, ge=0, le=1_000, description="Replies that may wait for the local model, which writes one at a time."
    )
    chat_gguf_url: Annotated[Annotated[str, AfterValidator(require_safe_url)] | None, _Optional] = Field(
        None,
        description="URL of a GGUF file that `echoctl models` fetches as the local model instead of SmolLM2: https, or http "
        "on a loopback address.",
    )
    chat_gguf_sha256: Annotated[Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None, _Optional] = Field(
        None, description="SHA-256 of the GGUF file in hexadecimal; required with its URL."
    )

    @model_validator(mode="after")
    def _has_checksum(self) -> Self:
        if (self.chat_gguf_url is None) != (self.chat_gguf_sha256 is None):
            raise ValueError("ECHO_VOICE_CHAT_GGUF_URL and ECHO_VOICE_CHAT_GGUF_SHA256 must be set together")
        return self

    @property
    def key(self) -> str:
        """The API key without surrounding whitespace; empty without one."""
        return self.chat_key.get_secret_value().strip() if self.chat_key else ""
