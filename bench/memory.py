"""P10: does memory grow?"""

import random
from collections.abc import Sequence

from bench.figure import Figure
from bench.stage import Stage
from bench.texts import story

_EARLY, _LATE = 20, 500
_MIB = 1024 * 1024


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Resident memory after 500 requests of random length ÷ after 20; Piper, so that it ends in minutes."""
    lengths = random.Random(7)
    early = 0
    for number in range(_LATE if rounds > 1 else _EARLY * 2):
        await stage.synthesize(story(f"memory {number}", lengths.randint(1, 6)), "piper_joe", "mp3")
        if number + 1 == _EARLY:
            early = stage.memory()
    late = stage.memory()
    return [
        Figure("P10", "memory after 500 requests ÷ after 20", [late / early], at_most=1.10),
        Figure("memory", "resident memory of all processes", [late / _MIB], "MiB"),
    ]
