"""Provider that trains and stores voices at Fish Audio. Samples leave the machine. The extra `fish` installs its SDK."""

from collections.abc import Sequence
from importlib.util import find_spec

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from echo_common.contracts.http.voice import CloneKind
from echo_common.settings import settings_config
from echo_voice.domain.values import TrainingOptions
from echo_voice.provider import Outcome, Progressed, TrainingRequest
from echo_voice.settings import VoiceSettings


class FishSettings(BaseSettings):
    """Settings of the Fish Audio provider."""

    model_config = settings_config("ECHO_VOICE_FISH_")

    api_key: SecretStr | None = Field(None, description="Fish Audio API key; if unset, this provider is disabled.")
    base_url: str = Field("https://api.fish.audio", description="Base URL of the Fish Audio API.")
    timeout: float = Field(120.0, gt=0, description="Timeout of a Fish Audio request in seconds.")
    patience: float = Field(600.0, gt=0, description="Timeout of a training at Fish Audio in seconds.")


class FishProvider:
    """The Fish Audio provider. It ignores training parameters, because Fish Audio chooses them."""

    name = "fish"
    languages: Sequence[str] = ()
    stores_voices = True
    kinds: Sequence[CloneKind] = ("instant",)

    def __init__(self, settings: FishSettings) -> None:
        self._settings = settings

    def missing(self) -> Sequence[str]:
        if find_spec("fishaudio") is None:
            return ["the package fish-audio-sdk"]
        return [] if self._settings.api_key else ["a key: set ECHO_VOICE_FISH_API_KEY"]

    def estimate(self, config: TrainingOptions, seconds: float) -> float:
        return 20.0

    def steps(self, config: TrainingOptions) -> None:
        return None

    async def train(self, request: TrainingRequest, on_progress: Progressed) -> Outcome:
        from echo_voice.providers.fish.account import create

        return await create(request, on_progress, self._settings)


def provider(settings: VoiceSettings) -> FishProvider:
    """Create the provider; its settings come from the environment."""
    return FishProvider(FishSettings())
