"""Pieces of synthesis work; `/jobs` is another name for `/job`."""

from typing import Annotated

from fastapi import Header, Path, Query
from starlette.types import Receive, Send
from starlette.types import Scope as Request

from echo_common.auth.principal import Scope
from echo_common.contracts.errors.synthesis import (
    PLANNING,
    JobNotFoundError,
    JobStateConflictError,
    TextNotFoundError,
    VoiceNotFoundError,
)
from echo_common.contracts.http.synthesis import CreateJobRequest, JobChange, JobPatch, JobView
from echo_common.contracts.values import JobStatus
from echo_common.http.envelope import Success
from echo_common.http.pagination import PageQuery
from echo_common.outbox.repository import StaleError
from echo_gateway.authentication import authorize
from echo_gateway.concurrency import Kind
from echo_gateway.dependencies import Dependencies
from echo_gateway.progress_sse import follow
from echo_gateway.proxy import Media, ProxyRouter, enveloped
from echo_gateway.routes.speech import RESULT

JobId = Annotated[str, Path(description="A job's id.", examples=["job_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
_ALIAS = ("/jobs", "/job")
_JOB = {
    "id": "job_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "synthesis_id": "syn_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "voice_model_id": "af_heart",
    "text_content": "Hello from Echo.",
    "text_hash": "9f2c…",
    "text_language": "en",
    "text_length": 16,
    "word_count": 3,
    "status": "pending",
    "progress": 0,
    "units_done": 0,
    "units_total": 1,
    "config": {"include_timestamps": True},
    "output_format": "wav",
    "sample_rate": 24000,
    "speed": 1.0,
    "pitch": 1.0,
    "volume": 1.0,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:02Z",
}
_COMPLETED = _JOB | {
    "status": "completed",
    "progress": 100,
    "units_done": 1,
    "duration": RESULT["duration"],
    "audio_id": RESULT["audio_id"],
    "audio_url": RESULT["audio_url"],
    "result": RESULT,
}
PAGE_EXAMPLE = {
    "pagination": {
        "total_count": 1,
        "limit": 20,
        "offset": 0,
        "has_more": False,
        "page": 1,
        "page_size": 20,
        "total_pages": 1,
        "has_next": False,
        "has_prev": False,
    }
}

jobs = ProxyRouter("jobs", service="synthesis")


@jobs.forward(
    "POST",
    "/job",
    alias=_ALIAS,
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    status=201,
    answers=Success[JobView],
    errors=(VoiceNotFoundError, TextNotFoundError, *PLANNING),
    example=enveloped(_JOB),
)
def create_job(body: CreateJobRequest) -> None:
    """Create a job."""


@jobs.forward(
    "GET",
    "/job",
    alias=_ALIAS,
    scope=Scope.SPEECH_READ,
    answers=Success[list[JobView]],
    example=enveloped([_COMPLETED], meta=PAGE_EXAMPLE),
)
def list_jobs(
    page: PageQuery,
    status: Annotated[JobStatus | None, Query(description="Filter by status.")] = None,
    user_id: Annotated[
        str | None, Query(max_length=64, description="Filter by user; other users' jobs are for administrators.")
    ] = None,
    voice_model_id: Annotated[str | None, Query(max_length=64, description="Filter by voice.")] = None,
    text_search: Annotated[
        str | None,
        Query(
            min_length=1, max_length=200, description="Search in the first 2,000 characters of the text, case-insensitively."
        ),
    ] = None,
    include_text: Annotated[bool, Query(description="Include the text.")] = False,
) -> None:
    """List jobs, newest first.

    Sort by created_at, updated_at, status, duration or text_length.
    """


@jobs.forward(
    "GET",
    "/job/{job_id}",
    alias=_ALIAS,
    scope=Scope.SPEECH_READ,
    answers=Success[JobView],
    errors=(JobNotFoundError,),
    example=enveloped(_COMPLETED),
)
def get_job(
    job_id: JobId,
    include_text: Annotated[bool, Query(description="Include the text.")] = True,
    include_result: Annotated[bool, Query(description="Include the result with its word times.")] = True,
) -> None:
    """Get a job, with its result once completed."""


@jobs.forward(
    "PUT",
    "/job/{job_id}",
    alias=_ALIAS,
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    answers=Success[JobView],
    errors=(JobNotFoundError, JobStateConflictError, StaleError, *PLANNING),
    example=enveloped(_JOB),
)
def revise_job(job_id: JobId, body: JobChange) -> None:
    """Change the text and the settings of a pending job.

    Omitted fields keep their values. Once a worker has claimed the job, it cannot be changed: 409.
    """


@jobs.forward(
    "PATCH",
    "/job/{job_id}",
    alias=_ALIAS,
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    answers=Success[JobView],
    errors=(JobNotFoundError, JobStateConflictError, StaleError, *PLANNING),
    example=enveloped(_JOB | {"status": "cancelled"}),
)
def change_job(job_id: JobId, body: JobPatch) -> None:
    """Cancel a job, or change parts of it while it is pending."""


@jobs.forward(
    "POST",
    "/job/{job_id}/retry",
    alias=_ALIAS,
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    answers=Success[JobView],
    errors=(JobNotFoundError, JobStateConflictError),
    example=enveloped(_JOB),
)
def retry_job(job_id: JobId) -> None:
    """Retry a failed or cancelled job.

    Sentences that are already synthesized are taken from the cache.
    """


@jobs.forward(
    "DELETE",
    "/job/{job_id}",
    alias=_ALIAS,
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    answers=Success[None],
    errors=(JobNotFoundError, JobStateConflictError),
    example=enveloped(None, message="The job is deleted."),
)
def delete_job(job_id: JobId) -> None:
    """Delete a job and its audio, unless it is being processed."""


async def _progress(scope: Request, receive: Receive, send: Send) -> None:
    authorize(scope, Scope.SPEECH_READ)
    dependencies: Dependencies = scope["app"].state.dependencies
    await follow(
        dependencies.clients["synthesis"], dependencies.progress_polls, scope["path_params"]["job_id"], scope, receive, send
    )


@jobs.forward(
    "GET",
    "/job/{job_id}/progress",
    alias=_ALIAS,
    by=_progress,
    stays_open=Kind.SUBSCRIPTION,
    scope=Scope.SPEECH_READ,
    answers=Media(
        'Server-sent events `{"progress", "status", "message", "queue_position"?, "eta_seconds"?}` with ids, from the first on; the last is `{"event": "complete"}`.',
        ("text/event-stream",),
    ),
    errors=(JobNotFoundError,),
)
def follow_job(
    job_id: JobId,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="Resume after this event, without gap or repetition.")
    ] = None,
) -> None:
    """Stream the progress of a job."""
