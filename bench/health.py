"""P9: response time of the health check while every core synthesises."""

import asyncio
import time
from collections.abc import Sequence

from bench.figure import Figure
from bench.stage import Stage
from bench.texts import story

_ASKS = 200


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Request `/health` every 20 ms during four long syntheses."""
    p99s = []
    for number in range(rounds):
        load = [asyncio.create_task(stage.synthesize(story(f"health {number} {n}", 12), "af_heart")) for n in range(4)]
        await asyncio.sleep(0.5)
        took = []
        for _ in range(_ASKS):
            if all(task.done() for task in load):
                break
            started = time.perf_counter()
            async with stage.session.get("/health") as answer:
                await answer.read()
            took.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.02)
        for task in load:
            task.cancel()
        await asyncio.gather(*load, return_exceptions=True)
        p99s.append(sorted(took)[int(len(took) * 0.99) - 1])
    return [Figure("P9", "`/health` p99 under full synthesis", p99s, "ms", at_most=20)]
