"""The service's side of the training process."""

import asyncio
import contextlib
import json
import os
from dataclasses import asdict
from typing import Any

from echo_common.child_environment import isolated_command, scrubbed_environment
from echo_common.contracts.errors.voice import ProviderUnavailableError
from echo_common.processors import usable_processors
from echo_voice.domain.values import VoiceQuality
from echo_voice.provider import Outcome, Progressed, TrainingFailedError, TrainingRequest
from echo_voice.settings import VoiceSettings

_NICENESS = 5


async def run(request: TrainingRequest, on_progress: Progressed, settings: VoiceSettings) -> Outcome:
    """Train in a child process; cancelling kills it."""
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
    process = await asyncio.create_subprocess_exec(
        *await asyncio.to_thread(isolated_command, "echo_voice.providers.local", json.dumps(task)),
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
        async with asyncio.timeout(settings.training_seconds):
            async for line in process.stdout:
                last = json.loads(line)
                if "step" in last:
                    on_progress(last["step"], last["steps"], last["note"])
            code = await process.wait()
    except TimeoutError:
        raise TrainingFailedError(f"The training took longer than {settings.training_seconds:g} seconds.") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if code == 0 and "failed" in last:
        raise TrainingFailedError(last["failed"])
    if code != 0 or "made" not in last:
        raise ProviderUnavailableError("The training process died.", retry_after=5)
    made = last["made"]
    return Outcome(engine="kokoro", style=style, gender=made.pop("gender"), quality=VoiceQuality.model_validate(made))


def accent_of(language: str) -> str:
    """Return the English pronunciation of a voice of a language (BCP 47): British if the language says so."""
    return "en-GB" if language.lower() == "en-gb" else "en-US"


def _is_english(tag: str) -> bool:
    return tag.partition("-")[0].lower() == "en"
