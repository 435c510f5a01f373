"""Fish Audio engine, through `fish-audio-sdk`. It needs an API key and sends the text to the provider.

The voice `fish_ID` is the Fish Audio model `ID`. The engine speaks with any model, but only voices that the operator names are
listed for all users, because an account may contain models of private persons.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from echo_common.contracts.voice_reference import FISH_PREFIX
from echo_common.settings import settings_config
from echo_synthesis.engine import Engine, EngineConfig, EngineSpec, EngineVoice
from echo_synthesis.engines.remote import RemoteSettings, missing_requirements, remedy

SAMPLE_RATE = 44_100
_SDK = ("fish-audio-sdk", "fishaudio")


class FishSettings(RemoteSettings):
    """Settings of the Fish Audio engine."""

    model_config = settings_config("ECHO_SYNTHESIS_FISH_")

    base_url: str = Field("https://api.fish.audio", description="Base URL of the Fish Audio API.")
    model: str = Field("s2.1-pro", description="Fish Audio speech model.")
    latency: Literal["normal", "balanced"] = Field(
        "normal", description="Latency mode: `normal` for the best quality, `balanced` for faster responses."
    )
    voices: Annotated[Mapping[str, str], NoDecode] = Field(
        default_factory=dict, description="Fish Audio voices to offer, as comma-separated ID=name pairs."
    )
    own_voices: bool = Field(False, description="Also offer all voices of the account, as listed when Echo starts.")

    @field_validator("voices", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = (part.partition("=") for part in value.split(",") if part.strip())
        return {model.strip(): name.strip() or model.strip() for model, _, name in pairs}


def spec() -> EngineSpec:
    """Return the engine with the current settings."""
    settings = FishSettings()

    def voices(config: EngineConfig) -> Sequence[EngineVoice]:
        named = {model: _voice(model, name) for model, name in settings.voices.items()}
        if not settings.own_voices or missing(config):
            return list(named.values())
        from echo_synthesis.engines.fish.listing import own_voices

        return list({**own_voices(settings), **named}.values())

    def missing(config: EngineConfig) -> Sequence[str]:
        return missing_requirements(settings, *_SDK)

    def load(config: EngineConfig) -> Engine:
        from echo_synthesis.engines.fish.speaker import FishSpeaker

        return FishSpeaker(settings)

    return EngineSpec(
        name="fish",
        version=f"fish-1 {settings.model} {settings.latency}",
        description="Fish Audio: cloud voices, made from recordings.",
        max_characters=500,
        sample_rate=SAMPLE_RATE,
        voices=voices,
        missing=missing,
        load=load,
        tags=("cloud", "clones"),
        remedy=remedy(settings, "fish", _SDK[1]),
        remote=True,
        concurrency=settings.concurrency,
        patience=settings.timeout,
    )


def _voice(model: str, name: str) -> EngineVoice:
    return EngineVoice(f"{FISH_PREFIX}{model}", name, "en-US", "neutral", ("cloud",), multilingual=True)
