"""Use cases of tasks under their job ids: the processing of samples and the training of voice models."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.errors.synthesis import JobNotFoundError
from echo_common.contracts.values import JobStatus, JobType
from echo_common.errors import ForbiddenError
from echo_common.http.pagination import Page
from echo_common.work.repository import TaskRepository
from echo_voice.dependencies import Dependencies
from echo_voice.domain.samples import Sample
from echo_voice.domain.task import VoiceTask
from echo_voice.domain.voice_models import VoiceModel

TASK_ORDERS = {"created_at": "job_id", "updated_at": "updated_at", "status": "work"}
"""Fields by which tasks can be sorted, with those of the database; job ids rise with time."""


async def find_task(job_id: str, principal: Principal, deps: Dependencies) -> VoiceTask:
    """Return the sample or the voice model with this task, also an ended one; administrators reach those of all users.

    Raises `JobNotFoundError`.
    """
    _, found = await _find(job_id, principal, deps)
    return found


async def list_tasks(
    kind: JobType,
    principal: Principal,
    page: Page,
    deps: Dependencies,
    *,
    status: JobStatus | None = None,
    user_id: str | None = None,
) -> tuple[Sequence[VoiceTask], int]:
    """Return a page of the samples or voice models with their latest tasks, and the total number.

    Raises `ForbiddenError` for another user's tasks, unless the principal is an administrator.
    """
    if user_id not in {None, principal.user_id} and not principal.may(Scope.ADMIN):
        raise ForbiddenError("Only administrators can see other users' jobs.")
    where: dict[str, Any] = {"user_id": user_id or principal.user_id, "job_deleted": {"$ne": True}}
    if status is not None:
        where["work"] = status.value
    repository = _repositories(deps)[kind]
    order = [(TASK_ORDERS[page.sort_by], page.direction), ("_id", page.direction)]
    found = repository.find(where, sort=order, skip=page.offset, limit=page.limit)
    return [task async for task in found], await repository.count(where)


async def cancel_task(job_id: str, principal: Principal, deps: Dependencies) -> VoiceTask:
    """Cancel a task; idempotent. Raises `JobNotFoundError`, `JobStateConflictError` once it has completed or failed."""
    return await _change(job_id, principal, deps, lambda held: held.cancel_task(job_id))


async def retry_task(job_id: str, principal: Principal, deps: Dependencies) -> VoiceTask:
    """Queue a failed or cancelled task again. Raises `JobNotFoundError`, `JobStateConflictError`, `CloneStateConflictError`."""
    return await _change(job_id, principal, deps, lambda held: held.retry_task(job_id))


async def delete_task(job_id: str, principal: Principal, deps: Dependencies) -> VoiceTask:
    """Delete a task; the sample or the voice model stays. Raises `JobNotFoundError`, `JobStateConflictError` in processing."""
    return await _change(job_id, principal, deps, lambda held: held.delete_task(job_id))


async def _change(job_id: str, principal: Principal, deps: Dependencies, change: Callable[[VoiceTask], object]) -> VoiceTask:
    repository, found = await _find(job_id, principal, deps)
    changed: VoiceTask = await repository.update(found.id, change, user_id=found.user_id)
    return changed


async def _find(job_id: str, principal: Principal, deps: Dependencies) -> tuple[TaskRepository[Any], VoiceTask]:
    kind = JobType.TRAINING if job_id.startswith(VoiceModel.job_prefix) else JobType.SAMPLE_PROCESSING
    repository = _repositories(deps)[kind]
    reach = {} if principal.may(Scope.ADMIN) else {"user_id": principal.user_id}
    found = await repository.find_one({"$or": [{"job_id": job_id}, {"history.job_id": job_id}], **reach})
    if found is None:
        raise JobNotFoundError
    found.task(job_id)
    return repository, found


def _repositories(deps: Dependencies) -> Mapping[JobType, TaskRepository[Any]]:
    return {Sample.job_type: deps.samples, VoiceModel.job_type: deps.models}
