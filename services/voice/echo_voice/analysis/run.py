"""A recording's way through both processes, seen from the service."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echo_common.errors import EchoError
from echo_voice.analysis.formats import SNIFFED, sniff
from echo_voice.settings import VoiceSettings

_LONGEST_ANSWER = 1 << 20
_STARTING_SECONDS = 30.0


class UnreadableError(EchoError):
    """The recording cannot be read."""

    code = "SAMPLE_UNREADABLE"
    status = 422


class AnalysisFailedError(EchoError):
    """Measuring the recording failed on our side; it may be tried again."""

    code = "ANALYSIS_FAILED"


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was measured; the processed recording lies at `processed` (FLAC)."""

    facts: Mapping[str, Any]
    processed: Path


async def analyse(source: Path, scratch: Path, settings: VoiceSettings) -> Analysis:
    """Decode and measure a recording. Raises `UnreadableError` with the reason, `AnalysisFailedError`."""
    decoded = scratch / "decoded.f32"
    processed = scratch / "processed.flac"
    facts = await decode(source, decoded, settings)
    recogniser = "yes" if settings.recogniser else "no"
    measured = await _child("measure", decoded, processed, settings.models, recogniser, seconds=settings.measure_seconds)
    if measured is None:
        raise AnalysisFailedError
    decoded.unlink()
    return Analysis({**facts, **measured}, processed)


async def decode(source: Path, target: Path, settings: VoiceSettings) -> Mapping[str, Any]:
    """Decode to mono float32 at 24 kHz, in a process that can do no harm. Raises `UnreadableError`."""
    with source.open("rb") as file:
        container = sniff(file.read(SNIFFED))
    limits = (settings.longest_seconds, settings.decode_memory, settings.decode_seconds)
    wall = 2 * settings.decode_seconds + _STARTING_SECONDS
    answer = await _child("decode", container.demuxer, source, target, *limits, seconds=wall)
    if answer is None:
        raise UnreadableError("Reading the file takes too much time or memory.")
    if "refused" in answer:
        raise UnreadableError(answer["refused"])
    facts: Mapping[str, Any] = answer["facts"]
    return facts


async def _child(module: str, *arguments: object, seconds: float) -> dict[str, Any] | None:
    """What the process answers; None when it died or took too long."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"echo_voice.analysis.{module}", *map(str, arguments)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(),
        limit=_LONGEST_ANSWER,
    )
    try:
        async with asyncio.timeout(seconds):
            assert process.stdout is not None  # noqa: S101 - piped
            line = await process.stdout.readline()
            code = await process.wait()
    except (TimeoutError, ValueError):
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if code != 0 or not line:
        return None
    answer: dict[str, Any] = json.loads(line)
    return answer


def _environment() -> dict[str, str]:
    """No secrets of the service, and no library that starts a thread for every core."""
    kept = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "HOME", "VIRTUAL_ENV")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {name: os.environ[name] for name in kept if name in os.environ} | threads | {"MALLOC_ARENA_MAX": "2"}
