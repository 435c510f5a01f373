"""P15: memory of the idle default platform."""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from bench.figure import Figure, NotMeasuredError
from bench.stage import Stage, serving
from bench.texts import story

_GIB, _MIB = 1024**3, 1024**2
_VOICES = ("af_heart", "piper_joe")
_REST_SECONDS = 15.0
"""Longer than an engine worker waits before it releases memory."""

_STEADY, _LOOKS = 0.01, 60


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Measure the proportional set size of all processes, in which a shared page counts once.

    Runs a separate platform; measures after its start, and again after each engine has synthesised five sentences and rested.
    """
    if sys.platform != "linux":
        raise NotMeasuredError("the operating system does not tell shared memory apart")
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as data:
        async with serving(Path(data), stage.models) as idle:
            started = await _steady(idle)
            for number, voice in enumerate(2 * _VOICES):
                await idle.synthesize(story(f"idle {number}", 5), voice)
            await asyncio.sleep(_REST_SECONDS)
            used = await _steady(idle)
    return [
        Figure(
            "P15", "idle default platform after the start", [sum(started.values()) / _GIB], "GiB", 1.5, note=_parts(started)
        ),
        Figure("P15", "the same, after one synthesis per engine", [sum(used.values()) / _GIB], "GiB", note=_parts(used)),
    ]


async def _steady(stage: Stage) -> Mapping[str, int]:
    """Wait for stable memory and return the bytes of each kind of process."""
    found = _memory(stage)
    for _ in range(_LOOKS):
        await asyncio.sleep(2)
        before, found = sum(found.values()), _memory(stage)
        if abs(sum(found.values()) - before) <= _STEADY * before:
            break
    return found


def _memory(stage: Stage) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for process in [stage.process, *stage.process.children(recursive=True)]:
        try:
            found[_kind(process.cmdline())] += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return found


def _kind(command: Sequence[str]) -> str:
    if "echo_synthesis.engines" in command:
        return command[command.index("echo_synthesis.engines") + 1]
    return "platform" if "serve" in command else "others"


def _parts(memory: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {size / _MIB:.0f} MiB" for kind, size in sorted(memory.items()))
