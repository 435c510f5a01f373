"""Use cases of the simple request API: jobs and audio presented as one resource."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.synthesis import JobNotFoundError, JobStateConflictError, SynthesisNotFoundError
from echo_common.contracts.http.generate import GenerateRequest
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.values import JobStatus
from echo_common.errors import refuse
from echo_common.http.pagination import Page
from echo_common.store.port import Filter
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, Job
from echo_synthesis.usecases.audio import delete_audio
from echo_synthesis.usecases.jobs import delete_job, queue_job

MAXIMUM_OFFSET = 10_000
"""Largest offset in the list of syntheses; a page costs the sort keys of all items before it."""


@dataclass(frozen=True, slots=True)
class Synthesis:
    """A job, the audio of a job, or an audio generated synchronously; at least one of the fields is set."""

    job: Job | None
    audio: Audio | None

    @property
    def finished(self) -> Audio:
        """The audio. Raises `JobStateConflictError` if there is none."""
        if self.audio is None:
            status = self.job.status.value if self.job else "gone"
            raise JobStateConflictError(f"The synthesis is {status}: there is no audio.", details={"status": status})
        return self.audio


async def generate(request: GenerateRequest, principal: Principal, deps: Dependencies, *, key: str | None) -> Job:
    """Queue a text with a voice given by id or name. Raises `VoiceNotFoundError`, `ValidationError` for an ambiguous name."""
    voice_id = None
    if request.voice_name is not None:
        voice_id = await _voice_named(request.voice_name, request.config, principal.user_id, deps)
    return await queue_job(
        request.text, voice_id, request.config, principal, deps, metadata=request.metadata, idempotency_key=key
    )


async def find_synthesis(any_id: str, principal: Principal, deps: Dependencies) -> Synthesis:
    """Find a synthesis by its id, its job's or its audio's. Raises `SynthesisNotFoundError`, also for another user's."""
    mine = {"user_id": principal.user_id}
    of_audio = any_id.startswith("aud_")
    job_id = Job.id_of_audio(any_id) if of_audio else any_id
    where = {"_id": job_id} if job_id.startswith("job_") else {"synthesis_id": any_id}
    with suppress(JobNotFoundError):
        job = await deps.jobs.get_summary({**where, **mine}, with_text=True)
        return Synthesis(job, await _audio({"_id": job.audio_id, **mine}, deps) if job.audio_id else None)
    where = {"_id": any_id} if of_audio else {"synthesis_id": any_id}
    if (audio := await _audio({**where, **mine}, deps)) is not None:
        return Synthesis(None, audio)
    raise SynthesisNotFoundError


async def _audio(where: Filter, deps: Dependencies) -> Audio | None:
    async for audio in deps.audio.find(where, limit=1):
        return audio
    return None


async def list_syntheses(principal: Principal, page: Page, deps: Dependencies) -> tuple[list[Synthesis], int]:
    """Return a page of the user's syntheses, queued and synchronous ones, and their total number; not of replaced segments.

    Merges the sort keys of both collections up to the end of the page; only the page's documents are read. Raises
    `ValidationError` beyond `MAXIMUM_OFFSET`.
    """
    if page.offset > MAXIMUM_OFFSET:
        refuse("offset", f"At most {MAXIMUM_OFFSET} items can be skipped here. List jobs with GET /api/v1/job instead.")
    mine = {"user_id": principal.user_id}
    synchronous = {**mine, "job_id": None}
    queued = {**mine, "replaces.audio_id": None}
    order, end = [(page.sort_by, page.direction), ("_id", page.direction)], page.offset + page.limit
    if page.sort_by == "status":  # all synchronous syntheses are completed
        speech = [(JobStatus.COMPLETED, key) for _, key in await deps.audio.sort_keys(synchronous, order[1:], end)]
    else:
        speech = await deps.audio.sort_keys(synchronous, order, end)
    keys = sorted([*await deps.jobs.sort_keys(queued, order, end), *speech], key=_position, reverse=page.direction == -1)
    ids = [key for _, key in keys[page.offset : end]]
    total = await deps.jobs.count(queued) + await deps.audio.count(synchronous)
    found = await _syntheses(ids, mine, deps)
    return [found[key] for key in ids if key in found], total


def _position(key: tuple[Any, str]) -> tuple[bool, Any, str]:
    """Return the position of a sort key; missing values come first, as in the database."""
    value, entry_id = key
    return value is not None, value, entry_id


async def _syntheses(ids: Sequence[str], mine: Filter, deps: Dependencies) -> Mapping[str, Synthesis]:
    """Return the syntheses of jobs and audio by these ids."""
    listed = {**mine, "_id": {"$in": ids}}
    jobs = {job.id: job async for job in deps.jobs.find(listed, without=deps.jobs.unread(with_text=True))}
    speech = {one.id: one async for one in deps.audio.find(listed, without=("words", "chapters", "segments"))}
    made = {**mine, "_id": {"$in": [job.audio_id for job in jobs.values() if job.audio_id]}}
    of_jobs = {one.id: one async for one in deps.audio.find(made, without=("words", "chapters", "segments"))}
    return {key: Synthesis(None, one) for key, one in speech.items()} | {
        key: Synthesis(job, of_jobs.get(job.audio_id or "")) for key, job in jobs.items()
    }


async def delete_synthesis(any_id: str, principal: Principal, deps: Dependencies) -> None:
    """Delete a synthesis and its audio. Raises `SynthesisNotFoundError`, `JobStateConflictError` while processing."""
    found = await find_synthesis(any_id, principal, deps)
    if found.job is not None:
        await delete_job(found.job.id, principal, deps)
    elif found.audio is not None:
        await delete_audio(found.audio.id, principal.user_id, deps)


async def _voice_named(name: str, config: SpeechConfig, user_id: str, deps: Dependencies) -> str:
    """Return the id of the voice with this id or name; the name itself without one.

    Among built-in voices of one name, the only one of a cloud engine is meant: that engine was set up with a key. `config` narrows
    the choice by engine and language. Raises `ValidationError` for an ambiguous name.
    """
    clones = await deps.clones.list(user_id)
    known = [*clones, *deps.voices.list()]
    if any(found.voice.id == name for found in known):
        return name
    same = [found for found in clones if found.voice.name.casefold() == name.casefold()] + [*deps.voices.named(name)]
    same = [found for found in same if config.engine in {None, found.engine.name}] or same
    same = [found for found in same if config.language is None or found.speaks(config.language)] or same
    cloud = [found for found in same if found.engine.remote and not found.clone]
    if len(cloud) == 1 and not any(found.clone for found in same):
        same = cloud
    if len(same) > 1:
        candidates = ", ".join(found.voice.id for found in same)
        refuse("voice_name", f"Several voices are named {name!r}. Give the id of one: {candidates}.")
    return same[0].voice.id if same else name
