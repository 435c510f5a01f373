"""P2 and P3: when is the first sound of a stream heard?"""

import time
from collections.abc import Sequence

from bench.figure import Figure
from bench.stage import Stage
from bench.texts import sentence, story


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """The first unit alone is a synchronous request for the first sentence, which is of the same kind, never the same."""
    figures: list[Figure] = []
    for name, voice, promise in (("Kokoro", "af_heart", 1.10), ("Piper", "piper_joe", 1.25)):
        alone, ten_to_one, firsts = [], [], []
        for number in range(rounds):
            opening = sentence(f"stream {voice} {number}")
            first = await _first(stage, opening, f"a {number}", voice)
            started = time.perf_counter()
            await stage.synthesize(_fresh(opening, "whole"), voice)
            whole = time.perf_counter() - started
            single, _ = await stage.first_byte(_fresh(opening, "single"), voice)
            firsts.append(first)
            alone.append(first / whole)
            ten_to_one.append(first / single)
        figures += [
            Figure("P2", f"{name}: first byte of a 10-sentence stream ÷ its first sentence alone", alone, at_most=promise),
            Figure("P3", f"{name}: first byte with 10 sentences ÷ with 1", ten_to_one, at_most=1.10),
            Figure("first byte", f"{name}: seconds to the first byte, a 15-word sentence first", firsts, "s"),
        ]
    return figures


async def _first(stage: Stage, opening: str, seed: str, voice: str) -> float:
    first, _ = await stage.first_byte(f"{opening} {story(seed + voice, 9)}", voice)
    return first


def _fresh(text: str, word: str) -> str:
    """The same sentence for the ear, another for the cache: a word of the same length in the place of the first."""
    return {"whole": "Of", "single": "By"}[word] + text[text.index(" ") :]
