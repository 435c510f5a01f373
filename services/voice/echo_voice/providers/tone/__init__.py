"""Provider of tone engine voices for tests and demos: no model, no similarity, immediate."""

import asyncio
from collections.abc import Sequence

from echo_common.contracts.http.voice import CloneKind
from echo_voice.domain.values import TrainingOptions, VoiceQuality
from echo_voice.provider import Outcome, Progressed, TrainingFailedError, TrainingRequest
from echo_voice.settings import VoiceSettings

_STEP_SECONDS = 0.05


class ToneProvider:
    """The tone provider: `epochs` steps of 50 ms. The name `tone-fail` makes a training fail, `tone-hang` makes it hang."""

    name = "tone"
    languages: Sequence[str] = ()
    stores_voices = True
    kinds: Sequence[CloneKind] = ("instant", "professional")

    def missing(self) -> Sequence[str]:
        return ()

    def estimate(self, config: TrainingOptions, seconds: float) -> float:
        return config.epochs * _STEP_SECONDS

    def steps(self, config: TrainingOptions) -> int:
        return config.epochs

    async def train(self, request: TrainingRequest, on_progress: Progressed) -> Outcome:
        for step in range(request.config.epochs):
            on_progress(step, request.config.epochs, f"step {step + 1}")
            await asyncio.sleep(_STEP_SECONDS)
        if "tone-hang" in request.name:
            await asyncio.Event().wait()
        if "tone-fail" in request.name:
            raise TrainingFailedError("A clone of that name fails.")
        return Outcome(engine="tone", reference="tone_low", quality=VoiceQuality(similarity=1.0))


def provider(settings: VoiceSettings) -> ToneProvider:
    """Create the provider; it needs no settings."""
    return ToneProvider()
