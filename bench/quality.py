"""Cost of the quality gate: time of stored speech with a comparison by the recogniser, and without."""

import time
from collections.abc import Sequence
from typing import Any

from bench.figure import Figure, NotMeasuredError
from bench.stage import Stage
from bench.texts import alike

_SENTENCES = 5
_VOICES = {"Kokoro": "af_heart", "Piper": "piper_joe"}


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Synthesise texts of the same length with and without the comparison, alternately."""
    figures: list[Figure] = []
    for engine, voice in _VOICES.items():
        ratios, costs, repeated, rates = list[float](), list[float](), 0, list[float]()
        warm, *texts = alike(f"quality {engine}", _SENTENCES, 2 * rounds + 1)
        await stage.synthesize(warm, voice, quality_check=True)
        for checked, plain in zip(texts[::2], texts[1::2], strict=True):
            took, result = await _timed(stage, checked, voice, quality_check=True)
            without, other = await _timed(stage, plain, voice, quality_check=False)
            quality = result["quality"]
            if quality["method"] != "recognizer":
                raise NotMeasuredError(f"the speech was not transcribed: {quality['not_transcribed']}")
            cost, base = took / result["duration"], without / other["duration"]
            ratios.append(cost / base)
            costs.append(cost - base)
            repeated += quality["repeated"]
            rates.append(100 * quality["word_error_rate"])
        note = f"{repeated} of {rounds * _SENTENCES} segments spoken again"
        figures += [
            Figure("quality", f"{engine}: synthesis with the quality gate ÷ without", ratios, note=note),
            Figure("quality", f"{engine}: seconds that the gate adds to a second of speech", costs, "s"),
            Figure("quality", f"{engine}: word error rate that the gate measured", rates, "%"),
        ]
    return figures


async def _timed(stage: Stage, text: str, voice: str, *, quality_check: bool) -> tuple[float, dict[str, Any]]:
    started = time.perf_counter()
    result = await stage.synthesize(text, voice, quality_check=quality_check)
    return time.perf_counter() - started, result
