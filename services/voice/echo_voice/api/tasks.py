"""Endpoints for jobs of the types `sample_processing` and `training`; synthesis serves those of its own type."""

from typing import Annotated, Literal

from fastapi import Depends, Path, Query

from echo_common.auth.dependencies import VoicesReader, VoicesWriter
from echo_common.contracts.errors.synthesis import JobNotFoundError, JobStateConflictError
from echo_common.contracts.errors.voice import CloneStateConflictError
from echo_common.contracts.http.voice import TaskPatch, TaskView
from echo_common.contracts.values import JobStatus, JobType
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_voice import views
from echo_voice.api import examples
from echo_voice.api.dependencies import Deps
from echo_voice.domain.samples import Sample
from echo_voice.domain.voice_models import VoiceModel
from echo_voice.usecases import tasks

_ALIAS = ("/job", "/jobs")
_PREFIXES = tuple(f"{kind.job_prefix}_" for kind in (Sample, VoiceModel))
_ERRORS = (JobNotFoundError, JobStateConflictError)

JobId = Annotated[str, Path(description="A job's id.", examples=[examples.TASK["id"]])]
PageQuery = Annotated[Page, Depends(paginated(*tasks.TASK_ORDERS))]

router = PublicRouter("jobs")


@router.endpoint(
    "GET",
    "/job",
    alias=_ALIAS,
    queries=tuple(f"type={kind.job_type.value}" for kind in (Sample, VoiceModel)),
    example=enveloped([examples.TASK]),
)
async def list_tasks(
    principal: VoicesReader,
    deps: Deps,
    page: PageQuery,
    job_type: Annotated[
        Literal[JobType.SAMPLE_PROCESSING, JobType.TRAINING],
        Query(alias="type", description="Filter by type; `synthesis` when absent."),
    ],
    status: Annotated[JobStatus | None, Query(description="Filter by status.")] = None,
    user_id: Annotated[
        str | None, Query(min_length=1, max_length=64, description="Filter by user; other users' jobs are for administrators.")
    ] = None,
) -> Success[list[TaskView]]:
    """List the latest task of each sample or clone, newest first."""
    found, total = await tasks.list_tasks(job_type, principal, page, deps, status=status, user_id=user_id)
    return ok([views.task_view(task, task.job_id) for task in found], meta=page.meta(total))


@router.endpoint(
    "GET", "/job/{job_id}", alias=_ALIAS, id_prefixes=_PREFIXES, errors=(JobNotFoundError,), example=enveloped(examples.TASK)
)
async def get_task(job_id: JobId, principal: VoicesReader, deps: Deps) -> Success[TaskView]:
    """Get the processing of a sample or the training of a clone, also an earlier one."""
    return ok(views.task_view(await tasks.find_task(job_id, principal, deps), job_id))


@router.endpoint(
    "PATCH",
    "/job/{job_id}",
    alias=_ALIAS,
    id_prefixes=_PREFIXES,
    idempotent=True,
    errors=_ERRORS,
    example=enveloped(examples.TASK | {"status": "cancelled", "progress": 30, "units_done": 3}),
)
async def change_task(job_id: JobId, body: TaskPatch, principal: VoicesWriter, deps: Deps) -> Success[TaskView]:
    """Cancel the processing of a sample or the training of a clone."""
    task = await tasks.cancel_task(job_id, principal, deps)
    deps.worker.recheck(task.id)
    return ok(views.task_view(task, job_id))


@router.endpoint(
    "DELETE",
    "/job/{job_id}",
    alias=_ALIAS,
    id_prefixes=_PREFIXES,
    idempotent=True,
    errors=_ERRORS,
    example=enveloped(None, message="The job is deleted."),
)
async def delete_task(job_id: JobId, principal: VoicesWriter, deps: Deps) -> Success[None]:
    """Delete a job of a sample or a clone, unless it is being processed.

    The sample or the clone stays.
    """
    await tasks.delete_task(job_id, principal, deps)
    return ok(None, message="The job is deleted.")


@router.endpoint(
    "POST",
    "/job/{job_id}/retry",
    alias=_ALIAS,
    id_prefixes=_PREFIXES,
    idempotent=True,
    errors=(*_ERRORS, CloneStateConflictError),
    example=enveloped(examples.TASK | {"status": "pending", "progress": 0, "units_done": 0, "note": None}),
)
async def retry_task(job_id: JobId, principal: VoicesWriter, deps: Deps) -> Success[TaskView]:
    """Retry a failed or cancelled job of a sample or a clone.

    A training resumes at its last checkpoint.
    """
    task = await tasks.retry_task(job_id, principal, deps)
    deps.worker.wake()
    return ok(views.task_view(task, job_id))
