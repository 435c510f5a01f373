"""P1: synchronous synthesis through the gateway ÷ the bare engine library; same text and voice, alternating."""

import asyncio
import time
from collections.abc import Sequence

from bench import bare
from bench.figure import Figure
from bench.stage import Stage
from bench.texts import story

_SENTENCES = 5
_KOKORO, _PIPER = "af_heart", "piper_joe"


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Measure texts of five sentences and of one, new in each round, so that no cache helps."""
    kokoro = await asyncio.to_thread(bare.kokoro, stage.models, _KOKORO)
    piper = await asyncio.to_thread(bare.piper)
    several, factors = await _against(stage, kokoro, _KOKORO, _SENTENCES, rounds)
    single, _ = await _against(stage, kokoro, _KOKORO, 1, rounds)
    piped, _ = await _against(stage, piper, _PIPER, _SENTENCES, rounds)
    return [
        Figure("P1", "Kokoro through the gateway ÷ kokoro-onnx bare, 5 sentences", several, at_most=0.70),
        Figure("P1", "the same, 1 sentence", single),
        Figure("P1", "Piper through the gateway ÷ piper-tts bare, 5 sentences", piped, at_most=1.12),
        Figure("speed", "Kokoro: seconds to speak one second, 5 sentences", factors),
    ]


async def _against(
    stage: Stage, reference: bare.Speak, voice: str, sentences: int, rounds: int
) -> tuple[list[float], list[float]]:
    """Return the ratios to the reference, and the platform's real-time factors."""
    await stage.synthesize(story(f"warm {voice} {sentences}", 1), voice)
    await asyncio.to_thread(reference, story(f"warm {voice}", 1))
    ratios, factors = [], []
    for number in range(rounds):
        text = story(f"speech {voice} {sentences} {number}", sentences)
        started = time.perf_counter()
        result = await stage.synthesize(text, voice)
        took = time.perf_counter() - started
        alone, _ = await asyncio.to_thread(reference, text)
        ratios.append(took / alone)
        factors.append(took / result["duration"])
    return ratios, factors
