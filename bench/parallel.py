"""P4: four concurrent requests, against the best configuration of the bare library on all cores."""

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bench import bare
from bench.figure import Figure
from bench.stage import Stage
from bench.texts import alike, story
from echo_common.processors import usable_processors

_AT_ONCE = 4
_SENTENCES = 4
_VOICES = {"Kokoro": ("af_heart", 0.95), "Piper": ("piper_joe", None)}
"""Voice and promised ratio by engine."""

_speak: bare.Speak
"""The function of a pool process."""


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Compare the bare configurations first, then measure against the best one in every round."""
    figures: list[Figure] = []
    for engine, (voice, promise) in _VOICES.items():
        async with AsyncExitStack() as stack:
            pools = {shape: await stack.enter_async_context(_pool(stage.models, voice, *shape)) for shape in _shapes()}
            ratios, together, spreads = [], [], []
            trial = alike(f"trial {voice}", _SENTENCES // 2, _AT_ONCE)
            alone = {shape: await _spoken_by(pool, trial) for shape, pool in pools.items()}
            best = pools[max(alone, key=lambda shape: alone[shape])]
            await _asked_at_once(stage, voice, alike(f"warm {voice}", 1, _AT_ONCE))
            for number in range(rounds):
                texts = alike(f"parallel {voice} {number}", _SENTENCES, _AT_ONCE)
                rate, spread = await _asked_at_once(stage, voice, texts)
                ratios.append(rate / await _spoken_by(best, texts))
                together.append(rate)
                spreads.append(spread)
        tried = (f"{workers} of {threads} threads {rate:.2f} s/s" for (workers, threads), rate in alone.items())
        note = f"bare: {', '.join(tried)}"
        what = f"{engine}: speech a second for {_AT_ONCE} requests at once ÷ bare, best of its configurations"
        figures += [
            Figure("P4", what, ratios, at_least=promise, note=note),
            Figure("P4", f"{engine}: slowest ÷ fastest of the four", spreads, at_most=1.3),
            Figure("rate", f"{engine}: seconds of speech a second, {_AT_ONCE} at once", together, "s/s"),
        ]
    return figures


def _shapes() -> list[tuple[int, int]]:
    """Return pairs of processes and threads per process: one process per core, or one process with all cores."""
    cores = usable_processors()
    return sorted({(cores, 1), (1, cores)})


async def _asked_at_once(stage: Stage, voice: str, texts: Sequence[str]) -> tuple[float, float]:
    """Return the seconds of speech per second, and the ratio of the slowest to the fastest request."""

    async def ask(text: str) -> tuple[float, float]:
        result = await stage.synthesize(text, voice)
        return time.perf_counter() - started, result["duration"]

    started = time.perf_counter()
    answers = await asyncio.gather(*(ask(text) for text in texts))
    times = [took for took, _ in answers]
    return sum(duration for _, duration in answers) / max(times), max(times) / min(times)


async def _spoken_by(pool: ProcessPoolExecutor, texts: Sequence[str]) -> float:
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    durations = await asyncio.gather(*(loop.run_in_executor(pool, _duration, text) for text in texts))
    return sum(durations) / (time.perf_counter() - started)


@asynccontextmanager
async def _pool(models: Path, voice: str, workers: int, threads: int) -> AsyncIterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _open, (models, voice, threads))
    try:
        await _spoken_by(pool, [story(f"warm {number}", 1) for number in range(2 * workers)])
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _open(models: Path, voice: str, threads: int) -> None:
    global _speak
    _speak = bare.piper(threads) if voice == "piper_joe" else bare.kokoro(models, voice, threads)


def _duration(text: str) -> float:
    _, duration = _speak(text)
    return duration
