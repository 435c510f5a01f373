"""Fish Audio makes the clone and keeps it; its SDK is the extra `fish`. What is recorded leaves the machine."""

from collections.abc import Sequence
from importlib.util import find_spec

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from echo_common.contracts.http.voice import TrainingConfig
from echo_common.settings import settings_config
from echo_voice.provider import Order, Outcome, Progressed
from echo_voice.settings import VoiceSettings


class FishSettings(BaseSettings):
    """The account at Fish Audio."""

    model_config = settings_config("ECHO_VOICE_FISH_")

    api_key: SecretStr | None = Field(None, description="Key of Fish Audio; without one, it makes no clones.")
    base_url: str = Field("https://api.fish.audio", description="Where the Fish Audio API is.")
    timeout: float = Field(120.0, gt=0, description="Seconds to wait for an answer of Fish Audio.")
    patience: float = Field(600.0, gt=0, description="Seconds to wait until Fish Audio has made a clone.")


class FishProvider:
    """Uses no training parameters: Fish decides."""

    name = "fish"
    languages: Sequence[str] = ()
    keeps_voices = True

    def __init__(self, settings: FishSettings) -> None:
        self._settings = settings

    def missing(self) -> Sequence[str]:
        if find_spec("fishaudio") is None:
            return ["the package fish-audio-sdk"]
        return [] if self._settings.api_key else ["a key: set ECHO_VOICE_FISH_API_KEY"]

    def estimate(self, config: TrainingConfig, seconds: float) -> float:
        return 20.0

    async def train(self, order: Order, progressed: Progressed) -> Outcome:
        from echo_voice.providers.fish.account import create

        return await create(order, progressed, self._settings)


def provider(settings: VoiceSettings) -> FishProvider:
    """The provider, with its own settings from the environment."""
    return FishProvider(FishSettings())
