"""Google Gemini engine, through `google-genai`. It needs an API key and sends the text to the provider.

Each sentence is one streamed request. When the stream breaks off (Gemini ends long ones with HTTP 200 and `OTHER`), the request
is repeated without streaming. Only a response with audio and the finish reason `STOP` counts as success.
"""

from collections.abc import Sequence

from pydantic import Field

from echo_common.settings import settings_config
from echo_synthesis.engine import Engine, EngineConfig, EngineSpec, EngineVoice
from echo_synthesis.engines.gemini.voices import VOICES
from echo_synthesis.engines.remote import RemoteSettings, missing_requirements, remedy

SAMPLE_RATE = 24_000
_SDK = ("google-genai", "google.genai")


class GeminiSettings(RemoteSettings):
    """Settings of the Gemini engine."""

    model_config = settings_config("ECHO_SYNTHESIS_GEMINI_")

    base_url: str = Field("https://generativelanguage.googleapis.com", description="Base URL of the Gemini API.")
    # the SDK's own default is v1, which does not serve preview models
    api_version: str = Field("v1beta", description="Version of the Gemini API.")
    model: str = Field(
        "gemini-3.8-flash-tts",
        description="Gemini speech model; from 3.8 on it reads the text verbatim, earlier from a prompt.",
    )
    style: str = Field(
        "",
        max_length=500,
        description="Speaking style in words, such as: calm and friendly, where an echo has none. Empty sets none.",
    )


def spec() -> EngineSpec:
    """Return the engine with the current settings."""
    settings = GeminiSettings()

    def voices(config: EngineConfig) -> Sequence[EngineVoice]:
        return tuple(VOICES.values())

    def missing(config: EngineConfig) -> Sequence[str]:
        return missing_requirements(settings, *_SDK)

    def load(config: EngineConfig) -> Engine:
        from echo_synthesis.engines.gemini.speaker import GeminiSpeaker

        return GeminiSpeaker(settings)

    return EngineSpec(
        name="gemini",
        version=f"gemini-1 {settings.model} {settings.style}",
        description="Google Gemini: cloud voices that speak any language.",
        # 27 s at a normal pace: streams break off at 60 s, and longer segments delay the listener
        max_characters=400,
        sample_rate=SAMPLE_RATE,
        voices=voices,
        missing=missing,
        load=load,
        tags=("cloud",),
        remedy=remedy(settings, "gemini", _SDK[1]),
        remote=True,
        concurrency=settings.concurrency,
        patience=settings.timeout,
        styles=True,
    )
