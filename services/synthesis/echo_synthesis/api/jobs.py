"""Pieces of synthesis work."""

from typing import Annotated

from fastapi import APIRouter, Query

from echo_common.auth.dependencies import SpeechReader, SpeechWriter
from echo_common.contracts.http.synthesis import CreateJobRequest, JobPatch, JobView
from echo_common.contracts.values import JobStatus
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import PageQuery
from echo_synthesis import usecases
from echo_synthesis.api.dependencies import Deps, IdempotencyKey
from echo_synthesis.domain import Job
from echo_synthesis.views import job_view

router = APIRouter()


@router.post("/job", status_code=201)
async def create_job(
    body: CreateJobRequest, principal: SpeechWriter, deps: Deps, key: IdempotencyKey = None
) -> Success[JobView]:
    """Queue a piece of work."""
    config = usecases.config_of(body)
    job = await usecases.queue_job(body.text_content, body.voice_model_id, config, principal, deps.studio, idempotency_key=key)
    deps.worker.ring()
    return ok(job_view(job))


@router.get("/job")
async def list_jobs(
    principal: SpeechReader,
    deps: Deps,
    page: PageQuery,
    status: JobStatus | None = None,
    voice_model_id: Annotated[str | None, Query(max_length=64)] = None,
    include_text: bool = False,
) -> Success[list[JobView]]:
    """One's own jobs, newest first."""
    filters = {"status": status.value if status else None, "settings.voice_id": voice_model_id}
    jobs, total = await usecases.list_jobs(principal, page, filters, deps.studio)
    return ok([job_view(job, include_text=include_text) for job in jobs], meta=page.meta(total))


@router.get("/job/{job_id}")
async def get_job(job_id: str, principal: SpeechReader, deps: Deps) -> Success[JobView]:
    """A job, with its result once completed."""
    return ok(await _finished_view(await usecases.find_job(job_id, principal, deps.studio), principal, deps))


@router.patch("/job/{job_id}")
async def patch_job(job_id: str, body: JobPatch, principal: SpeechWriter, deps: Deps) -> Success[JobView]:
    """Cancel a job."""
    job = await usecases.cancel_job(job_id, principal, deps.studio)
    deps.worker.drop(job.id)
    return ok(job_view(job))


@router.delete("/job/{job_id}")
async def delete_job(job_id: str, principal: SpeechWriter, deps: Deps) -> Success[None]:
    """Forget a job and its audio."""
    await usecases.delete_job(job_id, principal, deps.studio)
    return ok(None, message="The job is deleted.")


async def _finished_view(job: Job, principal: SpeechReader, deps: Deps) -> JobView:
    if job.audio_id is None:
        return job_view(job, include_text=True)
    return job_view(job, await usecases.find_audio(job.audio_id, principal, deps.studio), include_text=True)
