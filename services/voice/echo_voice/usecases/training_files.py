"""Files of a training in object storage: the checkpoint to resume from, and the style of the voice as it is at present."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

from echo_common.background_tasks import running_in_background
from echo_common.contracts.voice_reference import present_style_key
from echo_common.errors import EchoError
from echo_common.shielded import shielded
from echo_common.storage.port import ObjectNotFoundError
from echo_voice.dependencies import Dependencies
from echo_voice.domain.voice_models import VoiceModel
from echo_voice.provider import Outcome, Progressed, TrainingRequest

_MIME = "application/octet-stream"


async def run_with_files(
    model: VoiceModel,
    request: TrainingRequest,
    train: Callable[[Progressed], Awaitable[Outcome]],
    on_progress: Progressed,
    deps: Dependencies,
) -> Outcome:
    """Run a training; store its checkpoints and its present style as it writes them.

    It resumes the same training from its stored checkpoint, which is deleted once the training succeeds. The present style is
    deleted when it ends in any way; after a crash, the next attempt or the sweeper of orphaned objects deletes it.
    """
    checkpoint, present = f"checkpoints/{model.id}/{_digest(model)}", present_style_key(model.id, model.job_id)
    with suppress(ObjectNotFoundError):
        blocks = [block async for block in deps.objects.read(checkpoint)]
        request.checkpoint.write_bytes(b"".join(blocks))
    news = asyncio.Event()

    def report(done: int, total: int, note: str | None) -> None:
        on_progress(done, total, note)
        news.set()

    keys = {request.checkpoint: checkpoint, request.present: present}
    storing = _store_changes(keys, {path: _written_at(path) for path in keys}, news, deps)
    try:
        async with running_in_background(storing):
            outcome = await train(report)
    except BaseException:
        if request.checkpoint.exists():
            with suppress(EchoError):  # the training's own error takes precedence
                await deps.objects.put_file(checkpoint, request.checkpoint, _MIME)
        raise
    finally:
        with suppress(EchoError):  # the sweeper of orphaned objects deletes it
            await shielded(deps.objects.delete(present))
    await deps.objects.delete(checkpoint)
    return outcome


async def _store_changes(keys: Mapping[Path, str], stored: dict[Path, int], news: asyncio.Event, deps: Dependencies) -> None:
    """Store changed files under their keys at every progress, because a killed worker cannot; `stored` are the last ones' times."""
    while True:
        await news.wait()
        news.clear()
        for path, key in keys.items():
            if (written := _written_at(path)) != stored[path]:
                with suppress(EchoError):
                    await shielded(deps.objects.put_file(key, path, _MIME))  # it must not end after its deletion
                    stored[path] = written


def _written_at(path: Path) -> int:
    """Return a file's modification time in nanoseconds; 0 if the file is missing."""
    return path.stat().st_mtime_ns if path.exists() else 0


def _digest(model: VoiceModel) -> str:
    """Hash provider, samples and configuration; a training may resume only checkpoints with the same digest."""
    facts = [model.provider, *model.sample_ids, model.config.model_dump_json()]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
