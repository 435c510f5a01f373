"""Use cases of samples: upload, process, delete."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from echo_common.audio_files.formats import sniff
from echo_common.auth.principal import Principal
from echo_common.contracts.errors.voice import SampleStateConflictError
from echo_common.contracts.values import Metric
from echo_common.errors import EchoError
from echo_common.ids import new_id
from echo_common.shielded import shielded
from echo_common.storage.port import ObjectInfo
from echo_common.work.port import Attempt, Result
from echo_common.work.task import Progress
from echo_voice.analysis.run import analyse
from echo_voice.dependencies import Dependencies
from echo_voice.domain.samples import Sample, StoredFile
from echo_voice.domain.values import Measures
from echo_voice.domain.verdicts import judge

_SAME_SIMILARITY = 0.995
_SAME_SECONDS = 0.15
_STEPS = 3


async def upload_sample(
    path: Path, principal: Principal, deps: Dependencies, *, name: str, description: str | None, language: str | None
) -> Sample:
    """Store a sample and queue its processing. Raises `UnsupportedMediaError`, `QuotaExceededError`."""
    container = sniff(path)
    sample_id, size = new_id("vs"), (await asyncio.to_thread(path.stat)).st_size
    async with (
        deps.quotas.storing(principal, sample_id, size) as held,
        deps.quotas.reserved(principal, {Metric.UPLOADS: 1}),
    ):
        stored = await deps.objects.put_file(f"samples/{sample_id}/original", path, container.mime)
        sample = Sample.upload(
            sample_id, principal.user_id, _stored(stored), name=name, description=description, language=language
        )
        duplicate = await deps.samples.find_one({"original.checksum": stored.checksum, "user_id": principal.user_id})
        sample.duplicate_of = duplicate.id if duplicate else None
        await deps.samples.add(sample)
    await deps.quotas.settle_bytes(held, stored.size)
    return sample


async def process_sample(deps: Dependencies, sample: Sample, attempt: Attempt) -> Result[Sample]:
    """Decode, measure and embed a sample.

    Raises `UnsupportedMediaError`, `UnreadableError`, `AnalysisFailedError`.
    """
    with deps.scratch.folder("sample") as scratch:
        source = await _fetch(sample.original.key, scratch / "original", deps)
        attempt.report(Progress(1, _STEPS, "measuring"))
        analysis = await analyse(source, scratch, deps.settings)
        attempt.report(Progress(2, _STEPS, "storing"))
        stored = StoredAnalysis(deps, sample, attempt, analysis.facts)
        try:
            await stored.put(analysis.processed)
        except BaseException:
            await shielded(stored.discard())
            raise
    return stored


class StoredAnalysis(Result[Sample]):
    """The stored file and embedding of a processed sample."""

    def __init__(self, deps: Dependencies, sample: Sample, attempt: Attempt, facts: Mapping[str, Any]) -> None:
        super().__init__(self._accept)
        self._deps = deps
        self._sample = sample
        self._attempt = attempt.number
        self._facts = facts
        self._quality = Measures.model_validate(facts)
        self._key = f"samples/{sample.id}/processed-{attempt.number}.flac"
        self._space = f"samples-{facts['encoder']}"
        self._duplicate_of = sample.duplicate_of
        self._processed: StoredFile

    async def put(self, processed: Path) -> None:
        """Store the file and the embedding, and look for a duplicate."""
        deps, sample, vector = self._deps, self._sample, self._facts["embedding"]
        self._processed = _stored(await deps.objects.put_file(self._key, processed, "audio/flac"))
        if vector is not None:
            duration = self._quality.duration
            self._duplicate_of = self._duplicate_of or await _find_duplicate(sample, duration, vector, self._space, deps)
            await deps.vectors.put(self._space, sample.id, vector, {"user_id": sample.user_id, "duration": str(duration)})

    async def discard(self) -> None:
        """Delete the file, and the embedding of a sample that was deleted meanwhile: it is no other attempt's."""
        with suppress(EchoError):  # the sweeper of orphaned objects deletes the file later
            await self._deps.objects.delete(self._key)
            if await self._deps.samples.find_one({"_id": self._sample.id}) is None:
                await self._deps.vectors.delete(self._space, self._sample.id)

    def _accept(self, held: Sample) -> None:
        held.accept(
            self._attempt,
            self._processed,
            self._quality,
            judge(self._quality),
            transcript=self._facts["transcript"],
            embedding=None if self._facts["embedding"] is None else self._space,
            duplicate_of=self._duplicate_of,
        )


async def process_again(sample_id: str, principal: Principal, deps: Dependencies) -> Sample:
    """Queue a sample for processing again. Raises `SampleNotFoundError`, `SampleStateConflictError`."""
    return await deps.samples.update(sample_id, Sample.process_again, user_id=principal.user_id)


async def delete_sample(sample_id: str, principal: Principal, deps: Dependencies) -> None:
    """Delete a sample and its objects. Raises `SampleNotFoundError`, and `SampleStateConflictError` while a training uses it."""
    busy = {"user_id": principal.user_id, "sample_ids": sample_id, "work": {"$in": ["pending", "processing"]}}
    if await deps.models.find_one(busy) is not None:
        raise SampleStateConflictError("A clone is being trained from this sample: cancel that first.")
    sample = await deps.samples.update(sample_id, Sample.delete, user_id=principal.user_id)
    if sample.embedding is not None:
        await deps.vectors.delete(sample.embedding, sample.id)
    async for key in deps.objects.keys(f"samples/{sample.id}/"):
        await deps.objects.delete(key)


async def fetch_processed(sample: Sample, target: Path, deps: Dependencies) -> Path:
    """Copy the processed audio to a local file and return its path."""
    assert sample.processed is not None  # noqa: S101 - a ready sample has processed audio
    return await _fetch(sample.processed.key, target, deps)


async def _fetch(key: str, target: Path, deps: Dependencies) -> Path:
    with target.open("wb") as file:
        async for block in deps.objects.read(key):
            await asyncio.to_thread(file.write, block)
    return target


async def _find_duplicate(sample: Sample, duration: float, vector: list[float], space: str, deps: Dependencies) -> str | None:
    """Return the id of the user's oldest sample with the same audio in another file, or None."""
    near = await deps.vectors.nearest(space, vector, limit=5, where={"user_id": [sample.user_id]})
    duplicates = [
        found.id
        for found in near
        if found.id < sample.id
        and found.similarity >= _SAME_SIMILARITY
        and abs(float(str(found.facts["duration"])) - duration) <= _SAME_SECONDS
    ]
    return min(duplicates, default=None)


def _stored(info: ObjectInfo) -> StoredFile:
    return StoredFile(key=info.key, mime=info.mime, size=info.size, checksum=info.checksum)
