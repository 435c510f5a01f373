"""Endpoints for jobs; `/jobs` is an alias of `/job`."""

from typing import Annotated, Literal

from fastapi import Depends, Query

from echo_common.auth.dependencies import SpeechReader, SpeechWriter
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.synthesis import (
    PLANNING,
    AudioNotFoundError,
    JobNotFoundError,
    JobStateConflictError,
    TextNotFoundError,
    VoiceNotFoundError,
)
from echo_common.contracts.http.synthesis import CreateJobRequest, JobChange, JobPatch, JobView, SynthesisResult
from echo_common.contracts.values import JobStatus, JobType, Metric
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_common.outbox.repository import StaleError
from echo_synthesis.api import examples
from echo_synthesis.api.dependencies import Deps, IdempotencyKey
from echo_synthesis.api.parameters import JobId
from echo_synthesis.domain import Job
from echo_synthesis.usecases import jobs, texts
from echo_synthesis.usecases.audio import words_of
from echo_synthesis.usecases.jobs import JOB_ORDERS
from echo_synthesis.views import job_view, synthesis_result

_ALIAS = ("/job", "/jobs")
_CHANGE_ERRORS = (JobNotFoundError, JobStateConflictError, StaleError, *PLANNING)
_CREATED = "Synthesis job created successfully"
_DELETED = "Job deleted successfully"

PageQuery = Annotated[Page, Depends(paginated(*JOB_ORDERS))]

router = PublicRouter("jobs")


@router.endpoint(
    "POST",
    "/job",
    alias=_ALIAS,
    status=201,
    idempotent=True,
    errors=(VoiceNotFoundError, TextNotFoundError, QuotaExceededError, *PLANNING),
    example=enveloped(examples.JOB, message=_CREATED),
    daily_quota=Metric.SYNTHESES,
)
async def create_job(
    body: CreateJobRequest, principal: SpeechWriter, deps: Deps, key: IdempotencyKey = None
) -> Success[JobView]:
    """Create a job."""
    text = await texts.text_of(body.text_content, body.text_id, principal, deps)
    job = await jobs.queue_job(
        text,
        body.voice_model_id,
        jobs.config_of(body),
        principal,
        deps,
        text_id=body.text_id,
        metadata=body.metadata,
        idempotency_key=key,
    )
    deps.worker.wake()
    return ok(job_view(job, include_text=True), message=_CREATED)


@router.endpoint("GET", "/job", alias=_ALIAS, example=enveloped([examples.COMPLETED_JOB], meta=examples.PAGE))
async def list_jobs(
    principal: SpeechReader,
    deps: Deps,
    page: PageQuery,
    job_type: Annotated[
        Literal[JobType.SYNTHESIS], Query(alias="type", description="Filter by type; `synthesis` when absent.")
    ] = JobType.SYNTHESIS,
    status: Annotated[JobStatus | None, Query(description="Filter by status.")] = None,
    user_id: Annotated[
        str | None, Query(min_length=1, max_length=64, description="Filter by user; other users' jobs are for administrators.")
    ] = None,
    voice_model_id: Annotated[str | None, Query(min_length=1, max_length=64, description="Filter by voice.")] = None,
    text_search: Annotated[
        str | None,
        Query(
            min_length=1, max_length=200, description="Search in the first 2,000 characters of the text, case-insensitively."
        ),
    ] = None,
    include_text: Annotated[bool, Query(description="Include the text.")] = False,
) -> Success[list[JobView]]:
    """List jobs, newest first.

    Jobs of other types are listed with `type`: the latest of each sample or clone.
    """
    found, total = await jobs.list_jobs(
        principal,
        page,
        deps,
        status=status,
        user_id=user_id,
        voice_id=voice_model_id,
        text_search=text_search,
        with_text=include_text,
    )
    return ok([job_view(job, include_text=include_text) for job in found], meta=page.meta(total))


@router.endpoint("GET", "/job/{job_id}", alias=_ALIAS, errors=(JobNotFoundError,), example=enveloped(examples.COMPLETED_JOB))
async def get_job(
    job_id: JobId,
    principal: SpeechReader,
    deps: Deps,
    include_text: Annotated[bool, Query(description="Include the text.")] = True,
    include_result: Annotated[bool, Query(description="Include the result with its word timings.")] = True,
) -> Success[JobView]:
    """Get a job, with its result once completed."""
    job = await jobs.find_job(job_id, principal, deps, with_text=include_text)
    result = await _result(job, deps) if include_result else None
    position = await deps.jobs.before(job) if job.status is JobStatus.PENDING else None
    return ok(job_view(job, result, include_text=include_text, queue_position=position))


@router.endpoint("PUT", "/job/{job_id}", alias=_ALIAS, idempotent=True, errors=_CHANGE_ERRORS, example=enveloped(examples.JOB))
async def revise_job(job_id: JobId, body: JobChange, principal: SpeechWriter, deps: Deps) -> Success[JobView]:
    """Change the text and the settings of a pending job.

    Omitted fields keep their values. Once a worker has claimed the job, it cannot be changed: 409.
    """
    return ok(job_view(await jobs.revise_job(job_id, body, principal, deps), include_text=True))


@router.endpoint(
    "PATCH",
    "/job/{job_id}",
    alias=_ALIAS,
    idempotent=True,
    errors=_CHANGE_ERRORS,
    example=enveloped(examples.JOB | {"status": "cancelled"}),
)
async def change_job(job_id: JobId, body: JobPatch, principal: SpeechWriter, deps: Deps) -> Success[JobView]:
    """Cancel a job, or change parts of it while it is pending."""
    job = await jobs.patch_job(job_id, body, principal, deps)
    if job.status.terminal:
        deps.worker.recheck(job.id)
    elif job.status is JobStatus.PENDING:
        deps.worker.wake()
    return ok(job_view(job, await _result(job, deps)))


@router.endpoint(
    "DELETE",
    "/job/{job_id}",
    alias=_ALIAS,
    idempotent=True,
    errors=(JobNotFoundError, JobStateConflictError),
    example=enveloped(None, message=_DELETED),
)
async def delete_job(job_id: JobId, principal: SpeechWriter, deps: Deps) -> Success[None]:
    """Delete a job and its audio, unless it is being processed."""
    await jobs.delete_job(job_id, principal, deps)
    return ok(None, message=_DELETED)


@router.endpoint(
    "POST",
    "/job/{job_id}/retry",
    alias=_ALIAS,
    idempotent=True,
    errors=(JobNotFoundError, JobStateConflictError, QuotaExceededError),
    example=enveloped(examples.JOB),
)
async def retry_job(job_id: JobId, principal: SpeechWriter, deps: Deps) -> Success[JobView]:
    """Retry a failed or cancelled job.

    Sentences that are already synthesized are taken from the cache.
    """
    job = await jobs.retry_job(job_id, principal, deps)
    deps.worker.wake()
    return ok(job_view(job))


async def _result(job: Job, deps: Deps) -> SynthesisResult | None:
    """Return the same result as the synchronous call; None without audio or if it was deleted."""
    if job.audio_id is None:
        return None
    try:
        audio = await deps.audio.get(job.audio_id, user_id=job.user_id)
    except AudioNotFoundError:
        return None
    return synthesis_result(audio, await words_of(audio, deps))
