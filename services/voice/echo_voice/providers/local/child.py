"""The service's side of the training process."""

import asyncio
import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import structlog

from echo_common.child_environment import isolated_command, scrubbed_environment
from echo_common.errors import StorageFullError
from echo_common.processors import usable_processors
from echo_voice.domain.values import VoiceQuality
from echo_voice.provider import Outcome, Progressed, TrainingFailedError, TrainingRequest
from echo_voice.settings import VoiceSettings

_TRAINER = "echo_voice.providers.local"
_NICENESS = 5
_MOST_CRASHES = 3
_CRASHED = (
    f"The training process crashed {_MOST_CRASHES} times. Its memory may be too small, or a file of the models damaged: "
    "remove the folders encoder and kokoro of the models, run `echoctl models`, then train the clone again."
)

log = structlog.get_logger("echo.training")


async def run(request: TrainingRequest, on_progress: Progressed, settings: VoiceSettings) -> Outcome:
    """Train in a child process; cancelling kills it. If it crashes, another one resumes from its checkpoint.

    Raises:
        StorageFullError: The disk is full.
        TrainingFailedError: The training is not possible, took too long, or crashed again and again.
    """
    threads = min(2, usable_processors())
    style = request.scratch / "style"
    task = {
        "recordings": [str(recording.path) for recording in request.samples],
        "transcripts": [
            recording.transcript if _is_english(recording.language or request.language) else None
            for recording in request.samples
        ],
        "rhythms": [asdict(recording.rhythm) if recording.rhythm else None for recording in request.samples],
        "accent": accent_of(request.language),
        "config": request.config.model_dump(),
        "models": str(settings.models),
        "checkpoint": str(request.checkpoint),
        "present": str(request.present),
        "style": str(style),
        "threads": threads,
    }
    command = await asyncio.to_thread(isolated_command, _TRAINER, json.dumps(task))
    try:
        async with asyncio.timeout(settings.training_seconds):
            for number in range(1, _MOST_CRASHES + 1):
                result = await _train(command, threads, on_progress)
                if result is not None:
                    break
                log.warning("training_process_died", clone_id=request.clone_id, number=number)
            else:
                raise TrainingFailedError(_CRASHED)
    except TimeoutError:
        limit = f"The training took longer than {settings.training_seconds:g} seconds."
        raise TrainingFailedError(f"{limit} Train with fewer epochs, or raise ECHO_VOICE_TRAINING_SECONDS.") from None
    if result.get("disk_full"):
        raise StorageFullError
    if "failed" in result:
        raise TrainingFailedError(result["failed"])
    made = result["made"]
    return Outcome(engine="kokoro", style=style, gender=made.pop("gender"), quality=VoiceQuality.model_validate(made))


async def _train(command: Sequence[str], threads: int, on_progress: Progressed) -> dict[str, Any] | None:
    """Run a training process; return the last line of its output, None if it crashed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        # numpy's threads would spin beside those of the child, which gives each encoder one
        env=scrubbed_environment(threads=1),
        preexec_fn=lambda: os.nice(_NICENESS),
    )
    assert process.stdout is not None  # noqa: S101 - stdout is a pipe
    last: dict[str, Any] = {}
    try:
        async for line in process.stdout:
            last = json.loads(line)
            if "step" in last:
                on_progress(last["step"], last["steps"], last["note"])
        code = await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return last if code == 0 and last.keys() & {"made", "failed", "disk_full"} else None


def accent_of(language: str) -> str:
    """Return the English pronunciation of a voice of a language (BCP 47): British if the language says so."""
    return "en-GB" if language.lower() == "en-gb" else "en-US"


def _is_english(tag: str) -> bool:
    return tag.partition("-")[0].lower() == "en"
