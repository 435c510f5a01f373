"""P8: throughput of jobs and latency of progress events, on a separate platform with the tone engine."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figure import Figure
from bench.stage import Stage, serving

_JOBS = 400
_CLIENTS = 8
_CHANGES = 20
_SLOW = "This would tone-slow-950 last."


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Measure jobs from eight clients until the last completes, then the latency of cancellations to a progress follower."""
    rates, delays = [], []
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as data:
        settings = {"ECHO_SYNTHESIS_ENGINES": "tone", "ECHO_SYNTHESIS_DEFAULT_VOICE": "tone_low"}
        async with serving(Path(data), stage.models, **settings) as quick:
            for _ in range(rounds):
                started = time.perf_counter()
                per_client = _JOBS // _CLIENTS
                await asyncio.gather(*(_queue(quick, per_client) for _ in range(_CLIENTS)))
                await _all_ended(quick)
                rates.append(_JOBS / (time.perf_counter() - started))
            delays = [1000 * await _heard_after(quick) for _ in range(_CHANGES)]
    return [
        Figure(
            "P8", "jobs per second, end to end, with the test engine", rates, at_least=100, note="with SecantusDB, before: 38.4"
        ),
        Figure("P8", "time from a cancellation to its event", delays, "ms", at_most=20),
    ]


async def _queue(stage: Stage, count: int) -> None:
    body = {"text_content": "Go.", "output_format": "pcm", "sample_rate": 16_000}
    for _ in range(count):
        async with stage.session.post("/api/v1/job", json=body) as answer:
            answer.raise_for_status()


async def _all_ended(stage: Stage) -> None:
    for status in "pending", "processing":
        while await _count(stage, status):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def _count(stage: Stage, status: str) -> int:
    async with stage.session.get("/api/v1/job", params={"status": status, "limit": 1}) as answer:
        return int((await answer.json())["meta"]["pagination"]["total_count"])


async def _heard_after(stage: Stage) -> float:
    async with stage.session.post("/api/v1/job", json={"text_content": _SLOW}) as answer:
        job = (await answer.json())["data"]["id"]
    async with stage.session.get(f"/api/v1/job/{job}/progress") as events:
        async for line in events.content:
            if b'"processing"' in line:
                break
        started = time.perf_counter()
        cancelling = asyncio.create_task(_cancel(stage, job))
        async for line in events.content:
            if b'"cancelled"' in line:
                break
        heard = time.perf_counter() - started
        await cancelling
    return heard


async def _cancel(stage: Stage, job: str) -> None:
    async with stage.session.patch(f"/api/v1/job/{job}", json={"status": "cancelled"}) as answer:
        answer.raise_for_status()
