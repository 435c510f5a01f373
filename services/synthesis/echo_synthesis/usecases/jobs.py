"""Use cases for jobs."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from pydantic import ValidationError as ValidationFault

from echo_common.auth.principal import Principal, Scope
from echo_common.clock import now
from echo_common.contracts.echo import ECHO_PREFIX
from echo_common.contracts.errors.synthesis import AudioNotFoundError
from echo_common.contracts.http.metadata import MetadataValue
from echo_common.contracts.http.synthesis import CreateJobRequest, JobChange, JobPatch, SpeechConfig
from echo_common.contracts.values import JobStatus, Metric
from echo_common.errors import ForbiddenError, refuse
from echo_common.http.idempotency import RETENTION
from echo_common.http.pagination import Page
from echo_common.http.validation import details_of, invalid
from echo_common.store.port import DuplicateError
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Job
from echo_synthesis.usecases.audio import delete_audio, remove_objects
from echo_synthesis.usecases.echos import RequestedVoice, resolve_voice
from echo_synthesis.usecases.planning import plan_resolved
from echo_synthesis.usecases.quotas import recounted, release_job_quota, reserved_synthesis

JOB_ORDERS = ("created_at", "updated_at", "status", "duration", "text_length")
"""Fields by which the list can be sorted."""
_JOB_OPTIONS = ("output_format", "sample_rate", "speed", "pitch", "volume")
_WORKERS_OWN = ("progress", "duration", "error_message", "output_file_path")


async def queue_job(
    text: str,
    voice_id: str | None,
    config: SpeechConfig,
    principal: Principal,
    deps: Dependencies,
    *,
    text_id: str | None = None,
    metadata: Mapping[str, MetadataValue] | None = None,
    idempotency_key: str | None = None,
) -> Job:
    """Queue a text. The same idempotency key returns the same job for as long as the gateway stores responses.

    The key is the gateway's digest of user, operation, key and request, so no other request shares it.
    """
    requested = await resolve_voice(voice_id, config, principal.user_id, deps)
    narration = await plan_resolved(text, requested, principal.user_id, deps, preferred_language=principal.language)
    script = narration.script
    job = Job.queue(
        principal.user_id,
        text,
        narration.settings,
        word_count=script.word_count,
        units_total=len(script),
        script=script.data,
        config=requested.config.model_dump(mode="json"),
        text_id=text_id,
        metadata=metadata,
        idempotency_key=key_of(principal, idempotency_key),
    )
    return await enqueue(job, principal, deps)


def key_of(principal: Principal, idempotency_key: str | None) -> str | None:
    """Return the stored form of an idempotency key."""
    return f"{principal.user_id}:{idempotency_key}" if idempotency_key else None


async def enqueue(job: Job, principal: Principal, deps: Dependencies) -> Job:
    """Count and store a new job; return the first one of its idempotency key. Raises `QuotaExceededError`."""
    async with counted_job(job, principal, deps) as store:
        return await store()


@asynccontextmanager
async def counted_job(job: Job, principal: Principal, deps: Dependencies) -> AsyncIterator[Callable[[], Awaitable[Job]]]:
    """Count a new job, and yield the function that stores it and returns the first one of its idempotency key.

    What was counted is given back if the context ends with an error. Raises `QuotaExceededError`, as does the function.
    """
    stored: Job | None = None
    further_bytes = await _size_of_replaced(job, deps)
    await deps.quotas.check(Metric.QUEUED_JOBS, principal)
    async with reserved_synthesis(job.text, job.settings, job.id, principal, deps, further_bytes=further_bytes) as counted:

        async def store() -> Job:
            nonlocal stored
            job.count_in(counted.reservation.counter_id, counted.held.amount)
            async with deps.quotas.lock_and_check(Metric.QUEUED_JOBS, principal):
                stored = await _add(job, deps)
            if stored.id != job.id:
                await deps.quotas.release(counted.reservation)
            return stored

        yield store
    # the job states the estimate while it has not ended, so that no reservation waits with it
    await deps.quotas.settle_bytes(counted.held, counted.held.amount if stored is not None and stored.id == job.id else 0)


async def _size_of_replaced(job: Job, deps: Dependencies) -> int:
    """Return the size of the revision that a job replaces, because it is kept beside the new one; 0 without one."""
    if job.replaces is None:
        return 0
    audio = await deps.audio.find_one({"_id": job.replaces.audio_id, "user_id": job.user_id})
    return 0 if audio is None else audio.size


async def _add(job: Job, deps: Dependencies) -> Job:
    """Store a job behind the user's others; return the first one of its idempotency key."""
    if (last := await deps.jobs.last_pending(job.user_id)) is not None:
        job.queue_behind(last)
    try:
        await deps.jobs.add(job)
    except DuplicateError:
        first = await deps.jobs.find_one({"idempotency_key": job.idempotency_key, "user_id": job.user_id})
        if first is None:
            raise
        if first.created_at > now() - RETENTION:
            return first
        await deps.jobs.update(first.id, Job.release_key)
        await deps.jobs.add(job)
    return job


def config_of(request: CreateJobRequest) -> SpeechConfig:
    """Merge the job API's flat fields and `config` into a speech configuration. Raises `ValidationError`."""
    flat = request.model_dump(include={*_JOB_OPTIONS, "text_language"}, exclude_unset=True)
    if "text_language" in flat:
        flat["language"] = flat.pop("text_language")
    return _config({}, flat, request.config)


async def find_job(job_id: str, principal: Principal, deps: Dependencies, *, with_text: bool = True) -> Job:
    """Return a job. Raises `JobNotFoundError`, also for another user's job unless the principal is an administrator."""
    return await deps.jobs.get_summary({"_id": job_id, **_reach(principal)}, with_text=with_text)


async def list_jobs(
    principal: Principal,
    page: Page,
    deps: Dependencies,
    *,
    status: JobStatus | None = None,
    user_id: str | None = None,
    voice_id: str | None = None,
    text_search: str | None = None,
    with_text: bool = False,
) -> tuple[list[Job], int]:
    """Return a page of the user's jobs and their total number; administrators may pass another `user_id`.

    `text_search` matches case-insensitively in the beginning of the texts.
    """
    if user_id not in {None, principal.user_id} and not principal.may(Scope.ADMIN):
        raise ForbiddenError("Only administrators may list other users' jobs.")
    where: dict[str, Any] = {"user_id": user_id or principal.user_id}
    if status is not None:
        where["status"] = status.value
    if voice_id is not None:
        where["settings.echo_id" if voice_id.startswith(ECHO_PREFIX) else "settings.voice_id"] = voice_id
    if text_search is not None:
        where["search"] = {"$regex": re.escape(text_search.casefold())}
    order = [(page.sort_by, page.direction), ("_id", page.direction)]
    unread = deps.jobs.unread(with_text=with_text)
    jobs = deps.jobs.find(where, sort=order, skip=page.offset, limit=page.limit, without=unread)
    return [job async for job in jobs], await deps.jobs.count(where)


async def revise_job(job_id: str, change: JobChange, principal: Principal, deps: Dependencies) -> Job:
    """Update a pending job's text, options and metadata. Raises `JobStateConflictError` once a worker has claimed it, `StaleError`, `QuotaExceededError`."""
    job = await deps.jobs.get(job_id, **_reach(principal))
    job.require_pending()
    if job.replaces is not None:
        refuse("text_content", "A job that replaces a segment cannot be changed. Cancel it and replace the segment again.")
    given = change.model_dump(mode="json", exclude_none=True)
    text = given.get("text_content", job.text)
    flat = {name: given[name] for name in _JOB_OPTIONS if name in given}
    config = _config(job.config, flat, given.get("config", {}))
    echo = None if job.settings.echo_id is None else await deps.echos.get(job.settings.echo_id, job.user_id)
    narration = await plan_resolved(text, RequestedVoice(job.settings.voice_id, config, echo), job.user_id, deps)
    script = narration.script
    async with recounted(job, text, narration.settings, principal, deps):
        job.revise(
            text,
            narration.settings,
            word_count=script.word_count,
            units_total=len(script),
            script=script.data,
            config=config.model_dump(mode="json"),
        )
        if "text_content" in given:
            job.text_id = None
        if change.metadata is not None:
            job.metadata = change.metadata
        await deps.jobs.save(job)
    return job


async def patch_job(job_id: str, patch: JobPatch, principal: Principal, deps: Dependencies) -> Job:
    """Update some fields of a job: cancel or revise it; administrators may also fail it, retry it or correct reported fields.

    Raises `ForbiddenError` for fields that only workers and administrators may write.
    """
    changes, reports = patch.given(JobChange.model_fields), patch.given(_WORKERS_OWN)
    if patch.status is not None and changes:
        refuse("status", "Change either the job or its status, not both in one request.")
    if reports or patch.status not in {None, JobStatus.CANCELLED}:
        return await _report(job_id, patch, principal, deps)
    if patch.status is JobStatus.CANCELLED:
        return await cancel_job(job_id, principal, deps)
    return await revise_job(job_id, JobChange.model_validate(changes), principal, deps)


async def cancel_job(job_id: str, principal: Principal, deps: Dependencies) -> Job:
    """Cancel a job; its worker learns it from the event or at its next renewal."""
    return await deps.jobs.update(job_id, Job.cancel, **_reach(principal))


async def retry_job(job_id: str, principal: Principal, deps: Dependencies) -> Job:
    """Retry a failed or cancelled job, which counts as another synthesis.

    Raises `JobStateConflictError` in any other state, `QuotaExceededError`.
    """
    job = await deps.jobs.get(job_id, **_reach(principal))
    further_bytes = await _size_of_replaced(job, deps)
    async with (
        deps.quotas.lock_and_check(Metric.QUEUED_JOBS, principal),
        reserved_synthesis(job.text, job.settings, job.id, principal, deps, further_bytes=further_bytes) as counted,
    ):

        def retry(found: Job) -> None:
            found.retry()
            found.count_in(counted.reservation.counter_id, counted.held.amount)

        retried = await deps.jobs.amend(job, retry, **_reach(principal))
    await deps.quotas.settle_bytes(counted.held, counted.held.amount)
    return retried


async def delete_job(job_id: str, principal: Principal, deps: Dependencies) -> None:
    """Delete a job and its audio; the audio in which it replaced a segment remains."""
    job = await deps.jobs.update(job_id, Job.delete, **_reach(principal))
    if not job.status.terminal:
        await release_job_quota(job, deps)
    if job.replaces is not None:
        return
    if job.audio_id is None:
        await remove_objects(job.audio_key, deps)
    else:
        with suppress(AudioNotFoundError):
            await delete_audio(job.audio_id, job.user_id, deps)


async def _report(job_id: str, patch: JobPatch, principal: Principal, deps: Dependencies) -> Job:
    if not principal.may(Scope.ADMIN):
        raise ForbiddenError("Only workers and administrators set these fields. You may set `status` to cancelled.")
    if patch.output_file_path is not None:
        refuse("output_file_path", "This field cannot be set; it follows from audio_id.")
    match patch.status:
        case None:
            pass
        case JobStatus.PENDING:
            return await retry_job(job_id, principal, deps)
        case JobStatus.CANCELLED:
            return await cancel_job(job_id, principal, deps)
        case JobStatus.FAILED:
            message = patch.error_message or "An administrator has failed the job."
            return await deps.jobs.update(job_id, lambda held: held.fail_by_administrator(message))
        case other:
            refuse("status", f"Only workers set the status {other.value}. Set cancelled, pending or failed.")
    facts = patch.given(("progress", "duration", "error_message"))
    return await deps.jobs.update(job_id, lambda held: held.correct(**facts))


def _reach(principal: Principal) -> Mapping[str, str]:
    """Return the filter for the jobs that a principal may access: all for an administrator, otherwise the user's own."""
    return {} if principal.may(Scope.ADMIN) else {"user_id": principal.user_id}


def _config(known: Mapping[str, Any], flat: Mapping[str, Any], config: Mapping[str, Any]) -> SpeechConfig:
    """Merge `flat` and `config` into `known`. Raises `ValidationError` if both give a field different values."""
    for name in flat.keys() & config.keys():
        if flat[name] != config[name]:
            refuse(f"config.{name}", f"config.{name} conflicts with the top-level value of {name}; send one of them.")
    merged = {**known, **flat, **config}
    try:
        return SpeechConfig.model_validate(merged)
    except ValidationFault as fault:
        raise invalid(details_of(fault.errors(), merged, parent="config")) from fault
