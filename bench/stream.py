"""P2 and P3: latency of the first audio of a stream."""

import time
from collections.abc import Mapping, Sequence

from bench.figure import Figure
from bench.stage import Stage
from bench.texts import alike, story


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Measure the first byte of a stream against a new, equally long sentence as a synchronous request.

    The sentence differs from the stream's first one, because the first synthesis of a sentence would prepare the model for the
    second. For the same reason the order of the three requests rotates.
    """
    figures: list[Figure] = []
    for name, voice, promise in (("Kokoro", "af_heart", 1.10), ("Piper", "piper_joe", 1.25)):
        alone, ten_to_one, firsts = [], [], []
        for number in range(rounds):
            seconds = await _round(stage, f"stream {voice} {number}", voice, turn=number)
            firsts.append(seconds["ten"])
            alone.append(seconds["ten"] / seconds["alone"])
            ten_to_one.append(seconds["ten"] / seconds["one"])
        figures += [
            Figure("P2", f"{name}: first byte of a 10-sentence stream ÷ its first sentence alone", alone, at_most=promise),
            Figure("P3", f"{name}: first byte with 10 sentences ÷ with 1", ten_to_one, at_most=1.10),
            Figure("first byte", f"{name}: seconds to the first byte, a 15-word sentence first", firsts, "s"),
        ]
    return figures


async def _round(stage: Stage, seed: str, voice: str, turn: int) -> Mapping[str, float]:
    opening, single, whole = alike(seed, 1, 3)

    async def ten() -> float:
        return (await stage.first_byte(f"{opening} {story(seed, 9)}", voice))[0]

    async def one() -> float:
        return (await stage.first_byte(single, voice))[0]

    async def alone() -> float:
        started = time.perf_counter()
        await stage.synthesize(whole, voice)
        return time.perf_counter() - started

    requests = [ten, one, alone]
    return {request.__name__: await request() for request in requests[turn % 3 :] + requests[: turn % 3]}
