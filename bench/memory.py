"""P10: growth of memory."""

import asyncio
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.figure import Figure
from bench.stage import Stage, serving
from bench.texts import story

_EARLY, _LATE = 20, 500
_MINUTE, _HOUR = 12, 750
"""Sentences of a minute and of an hour of Piper's speech."""

_MIB = 1024 * 1024
_PIPER_ALONE = {"ECHO_SYNTHESIS_ENGINES": "piper", "ECHO_SYNTHESIS_DEFAULT_VOICE": "piper_joe"}


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Measure resident memory after 500 requests of random length ÷ after 20, and during an hour of speech ÷ during a minute.

    Runs a separate platform with only Piper, so that it ends in minutes and no idle model hides the growth. A single round is a
    quick check: 40 requests, ten minutes of speech.
    """
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as data:
        async with serving(Path(data), stage.models, **_PIPER_ALONE) as piper:
            return await _measured(piper, _LATE if rounds > 1 else 2 * _EARLY, _HOUR if rounds > 1 else 10 * _MINUTE)


async def _measured(stage: Stage, requests: int, sentences: int) -> Sequence[Figure]:
    lengths = random.Random(7)
    early = 0
    for number in range(requests):
        if number % _EARLY == 0:
            await stage.log_in()
        await stage.synthesize(story(f"memory {number}", lengths.randint(1, 3)), "piper_joe", "mp3")
        if number + 1 == _EARLY:
            early = stage.memory()
    late = stage.memory()
    short, _ = await _peak(stage, story("a minute", _MINUTE))
    long, seconds = await _peak(stage, story("an hour", sentences))
    note = f"{seconds / 60:.0f} minutes"
    return [
        Figure("P10", f"Piper: memory after {requests} requests ÷ after {_EARLY}", [late / early], at_most=1.10),
        Figure("P10", "Piper: memory for an hour of audio ÷ for a minute, as jobs", [long / short], at_most=1.3, note=note),
        Figure("memory", "resident memory of all processes, with Piper alone", [late / _MIB], "MiB"),
    ]


async def _peak(stage: Stage, text: str) -> tuple[int, float]:
    """Return the peak memory during a job, in bytes, and the seconds of its audio."""
    await stage.log_in()
    body = {"text_content": text, "voice_model_id": "piper_joe", "output_format": "mp3"}
    async with stage.session.post("/api/v1/job", json=body) as answer:
        answer.raise_for_status()
        path = f"/api/v1/job/{(await answer.json())['data']['id']}?include_text=false&include_result=false"
    most = 0
    while True:
        async with stage.session.get(path) as answer:
            job = (await answer.json())["data"]
        most = max(most, stage.memory())
        if job["status"] == "failed":
            raise RuntimeError(job["error_message"])
        if job["status"] == "completed":
            return most, job["duration"]
        await asyncio.sleep(0.2)
