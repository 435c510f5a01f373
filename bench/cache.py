"""P11 and P12: effect of the speech cache."""

import asyncio
import time
from collections.abc import Sequence

from bench.figure import Figure
from bench.stage import Stage
from bench.texts import sentence

_SENTENCES = 10
_AT_ONCE = 50


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Measure a text against the same text with one changed sentence, and fifty concurrent requests for one text."""
    ratios, syntheses = [], []
    for number in range(rounds):
        sentences = [sentence(f"cache {number} {place}") for place in range(_SENTENCES)]
        whole = await _seconds(stage, sentences)
        sentences[_SENTENCES // 2] = sentence(f"cache {number} changed")
        ratios.append(await _seconds(stage, sentences) / whole)
        together = sentence(f"together {number}")
        results = await asyncio.gather(*(stage.synthesize(together, "piper_joe") for _ in range(_AT_ONCE)))
        syntheses.append(sum(result["units"] - result["cached_units"] for result in results) / results[0]["units"])
    return [
        Figure("P11", "Kokoro: a text with 1 of 10 sentences changed ÷ the whole", ratios, at_most=0.15),
        Figure("P12", "Piper: syntheses for 50 identical requests at once", syntheses, at_most=1),
    ]


async def _seconds(stage: Stage, sentences: Sequence[str]) -> float:
    started = time.perf_counter()
    await stage.synthesize(" ".join(sentences), "af_heart")
    return time.perf_counter() - started
