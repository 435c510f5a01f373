"""Time from the command to readiness, on existing data."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.figure import Figure
from bench.stage import Stage, serving


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Start a second platform on its own folder in each round; the first start creates the folder and does not count."""
    seconds = []
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as data:
        for _ in range(min(rounds, 3) + 1):
            async with serving(Path(data), stage.models) as second:
                seconds.append(second.started_in)
    return [Figure("start", "time from start to readiness", seconds[1:], "s", at_most=10)]
