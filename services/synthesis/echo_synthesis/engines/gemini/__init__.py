"""Google's Gemini speech models, through `google-genai`. Needs a key; what is spoken leaves the machine.

A sentence is one request, streamed; when the stream breaks off (Gemini ends long ones with HTTP 200 and `OTHER`), the same
request is made again in one piece. Only an answer that says `STOP`, with audio in it, counts.
"""

from collections.abc import Sequence

from pydantic import Field

from echo_common.settings import settings_config
from echo_synthesis.engine import Engine, EngineConfig, EngineSpec, EngineVoice
from echo_synthesis.engines.gemini.voices import VOICES
from echo_synthesis.engines.remote import RemoteSettings, lacking, remedy

SAMPLE_RATE = 24_000
_SDK = ("google-genai", "google.genai")


class GeminiSettings(RemoteSettings):
    """What an operator may decide about Gemini."""

    model_config = settings_config("ECHO_SYNTHESIS_GEMINI_")

    base_url: str = Field("https://generativelanguage.googleapis.com", description="Where the Gemini API is.")
    # the SDK's own default is v1, which does not serve preview models
    api_version: str = Field("v1beta", description="Version of the Gemini API.")
    model: str = Field("gemini-3.8-flash-tts", description="Speech model; from 3.8 on it reads verbatim, before by prompt.")
    style: str = Field("", max_length=500, description="How to speak, in words: calm and friendly.")


def spec() -> EngineSpec:
    """Gemini as it is set up now."""
    settings = GeminiSettings()

    def voices(config: EngineConfig) -> Sequence[EngineVoice]:
        return tuple(VOICES.values())

    def missing(config: EngineConfig) -> Sequence[str]:
        return lacking(settings, *_SDK)

    def load(config: EngineConfig) -> Engine:
        from echo_synthesis.engines.gemini.speaker import GeminiSpeaker

        return GeminiSpeaker(settings)

    return EngineSpec(
        name="gemini",
        version=f"gemini-1 {settings.model} {settings.style}",
        description="Google Gemini: cloud voices that speak any language.",
        # 27 s at a usual pace: streams break off at 60, and nobody should wait for more at once
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
    )
