"""Provider of tone engine voices for tests and demos: no model, no similarity, immediate."""

import asyncio
from collections.abc import Sequence

from echo_voice.domain.values import TrainingOptions, VoiceQuality
from echo_voice.provider import Order, Outcome, Progressed, TrainingFailedError
from echo_voice.settings import VoiceSettings

_STEP_SECONDS = 0.05


class ToneProvider:
    """The tone provider: `epochs` steps of 50 ms. The name `tone-fail` makes a training fail, `tone-hang` makes it hang."""

    name = "tone"
    languages: Sequence[str] = ()
    keeps_voices = True

    def missing(self) -> Sequence[str]:
        return ()

    def estimate(self, config: TrainingOptions, seconds: float) -> float:
        return config.epochs * _STEP_SECONDS

    def steps(self, config: TrainingOptions) -> int:
        return config.epochs

    async def train(self, order: Order, progressed: Progressed) -> Outcome:
        for step in range(order.config.epochs):
            progressed(step, order.config.epochs, f"step {step + 1}")
            await asyncio.sleep(_STEP_SECONDS)
        if "tone-hang" in order.name:
            await asyncio.Event().wait()
        if "tone-fail" in order.name:
            raise TrainingFailedError("A clone of that name fails.")
        return Outcome(engine="tone", reference="tone_low", quality=VoiceQuality(similarity=1.0))


def provider(settings: VoiceSettings) -> ToneProvider:
    """Create the provider; it needs no settings."""
    return ToneProvider()
