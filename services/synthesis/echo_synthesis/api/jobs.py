"""Routes for jobs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from echo_common.auth.dependencies import SpeechReader, SpeechWriter
from echo_common.contracts.errors.synthesis import AudioNotFoundError
from echo_common.contracts.http.synthesis import CreateJobRequest, JobChange, JobPatch, JobView, SynthesisResult
from echo_common.contracts.values import JobStatus
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import PageQuery
from echo_common.http.queries import only_known
from echo_synthesis import usecases
from echo_synthesis.api.dependencies import Deps, IdempotencyKey
from echo_synthesis.domain import Job
from echo_synthesis.views import job_view, synthesis_result

router = APIRouter(dependencies=[Depends(only_known)])


@router.post("/job", status_code=201)
async def create_job(
    body: CreateJobRequest, principal: SpeechWriter, deps: Deps, key: IdempotencyKey = None
) -> Success[JobView]:
    """Create a job."""
    text = await usecases.text_of(body.text_content, body.text_id, principal, deps.studio)
    job = await usecases.queue_job(
        text,
        body.voice_model_id,
        usecases.config_of(body),
        principal,
        deps.studio,
        text_id=body.text_id,
        idempotency_key=key,
    )
    deps.worker.wake()
    return ok(job_view(job, include_text=True))


@router.get("/job")
async def list_jobs(
    principal: SpeechReader,
    deps: Deps,
    page: PageQuery,
    status: JobStatus | None = None,
    user_id: Annotated[str | None, Query(max_length=64)] = None,
    voice_model_id: Annotated[str | None, Query(max_length=64)] = None,
    text_search: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    include_text: bool = False,
) -> Success[list[JobView]]:
    """List the user's jobs, newest first."""
    jobs, total = await usecases.list_jobs(
        principal,
        page,
        deps.studio,
        status=status,
        user_id=user_id,
        voice_id=voice_model_id,
        text_search=text_search,
        with_text=include_text,
    )
    return ok([job_view(job, include_text=include_text) for job in jobs], meta=page.meta(total))


@router.get("/job/{job_id}")
async def get_job(
    job_id: str, principal: SpeechReader, deps: Deps, include_text: bool = True, include_result: bool = True
) -> Success[JobView]:
    """Get a job, with its result once completed."""
    job = await usecases.find_job(job_id, principal, deps.studio, with_text=include_text)
    result = await _result(job, deps) if include_result else None
    position = await deps.studio.jobs.before(job) if job.status is JobStatus.PENDING else None
    return ok(job_view(job, result, include_text=include_text, queue_position=position))


@router.put("/job/{job_id}")
async def revise_job(job_id: str, body: JobChange, principal: SpeechWriter, deps: Deps) -> Success[JobView]:
    """Update a pending job."""
    return ok(job_view(await usecases.revise_job(job_id, body, principal, deps.studio), include_text=True))


@router.patch("/job/{job_id}")
async def patch_job(job_id: str, body: JobPatch, principal: SpeechWriter, deps: Deps) -> Success[JobView]:
    """Cancel a job, or update some of its fields."""
    job = await usecases.patch_job(job_id, body, principal, deps.studio)
    if job.status.terminal:
        deps.worker.recheck(job.id)
    elif job.status is JobStatus.PENDING:
        deps.worker.wake()
    return ok(job_view(job, await _result(job, deps)))


@router.delete("/job/{job_id}")
async def delete_job(job_id: str, principal: SpeechWriter, deps: Deps) -> Success[None]:
    """Delete a job and its audio."""
    await usecases.delete_job(job_id, principal, deps.studio)
    return ok(None, message="The job is deleted.")


@router.post("/job/{job_id}/retry")
async def retry_job(job_id: str, principal: SpeechWriter, deps: Deps) -> Success[JobView]:
    """Retry a failed or cancelled job."""
    job = await usecases.retry_job(job_id, principal, deps.studio)
    deps.worker.wake()
    return ok(job_view(job))


async def _result(job: Job, deps: Deps) -> SynthesisResult | None:
    """Return the same result as the synchronous call; None without audio or if it was deleted."""
    if job.audio_id is None:
        return None
    try:
        audio = await deps.studio.audio.get(job.audio_id, user_id=job.user_id)
    except AudioNotFoundError:
        return None
    return synthesis_result(audio, await usecases.words_of(audio, deps.studio))
