"""Repositories of tasks."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import ClassVar, TypeVar

from opentelemetry import trace

from echo_common.clock import now
from echo_common.contracts.values import JobStatus
from echo_common.outbox.repository import Repository
from echo_common.store.port import Filter, Index, Sort
from echo_common.tracing import current_traceparent
from echo_common.work.lease import HeldLease, Lease
from echo_common.work.port import NOT_BUSY, Busy, Candidate, QueueBacklog
from echo_common.work.task import Task

T = TypeVar("T", bound=Task)

_BY_WAIT: Sort = (("queued_at", 1),)


class TaskRepository(Repository[T]):
    """A repository of tasks. It needs an index of the status followed by the fields of `queue_order`."""

    queue_order: ClassVar[Sort] = (("created_at", 1),)
    large_fields: ClassVar[Collection[str]] = ()
    """Fields that the sweep does not read."""

    id_label: ClassVar[str] = "task_id"

    async def prepare(self) -> None:
        """Create the collection and its indexes, also that of the oldest pending task; called once at start."""
        await super().prepare()
        await self._documents.ensure([Index([(self.aggregate.status_field, 1), *_BY_WAIT])])

    async def pending(self, limit: int, where: Filter, busy: Busy = NOT_BUSY) -> Sequence[Candidate]:
        """Return up to `limit` pending tasks that match `where` and may start now, in queue order, without those of `busy`."""
        ready = {self.aggregate.status_field: JobStatus.PENDING.value, **self.may_start(), **where}
        if busy.user_ids:
            ready["user_id"] = {"$nin": sorted(busy.user_ids)}
        found = self._documents.find(ready, sort=self.queue_order, limit=limit, fields=["user_id"])
        return [Candidate(document["_id"], document["user_id"]) async for document in found]

    async def backlog(self, where: Filter) -> QueueBacklog:
        """Measure the pending tasks that match `where`; only the wait leaves out those that may not start now."""
        pending = {self.aggregate.status_field: JobStatus.PENDING.value, **where}
        number = await self._documents.count(pending)
        waiting, fields = {**pending, **self.may_start()}, ["queued_at", "created_at"]
        async for oldest in self._documents.find(waiting, sort=_BY_WAIT, limit=1, fields=fields):
            waited = now() - (oldest.get("queued_at") or oldest["created_at"])
            return QueueBacklog(number, max(0.0, waited.total_seconds()))
        return QueueBacklog(number, 0.0)

    async def matches(self, key: str, where: Filter) -> bool:
        """Return whether the task exists and matches `where`."""
        return await self._documents.find_one({**where, "_id": key}) is not None

    async def add(self, aggregate: T) -> None:
        """Insert a new task, which continues the current trace."""
        if aggregate.work_status is JobStatus.PENDING:
            self._continue_trace(aggregate)
            aggregate.queued_at = _waiting_since(aggregate)
        await super().add(aggregate)

    async def save(self, aggregate: T) -> None:
        """Write the changed fields; a task that is queued again after its end continues the current trace."""
        before = aggregate.stored_state.get(aggregate.status_field)
        if aggregate.work_status is JobStatus.PENDING and before not in {None, JobStatus.PENDING.value}:
            aggregate.queued_at = _waiting_since(aggregate)
            if JobStatus(before).terminal:
                self._continue_trace(aggregate)
        await super().save(aggregate)

    def _continue_trace(self, task: T) -> None:
        task.traceparent = current_traceparent()
        trace.get_current_span().set_attribute("echo.queued", self.name)  # a collector keeps these traces

    def may_start(self) -> Filter:
        """Return the filter for pending tasks that may start now: all of them, unless a subclass says otherwise."""
        return {}

    async def leases(self) -> Sequence[HeldLease]:
        """Return the leases of all tasks in progress, expired or not."""
        running = {self.aggregate.status_field: JobStatus.PROCESSING.value}
        found = self._documents.find(running, fields=["version", "lease"])
        return [
            HeldLease(document["_id"], document["version"], Lease.model_validate(document["lease"])) async for document in found
        ]

    async def holder(self, held: HeldLease) -> T:
        """Return the task with this lease, without its large fields. Raises `missing` if renewed or ended since."""
        async for task in self.find({"_id": held.key, "version": held.version}, limit=1, without=self.large_fields):
            return task
        raise self.missing


def _waiting_since(task: Task) -> datetime:
    """Return the time from which a task waits that becomes pending now."""
    moment = now()
    return moment if task.earliest_start is None else max(moment, task.earliest_start)
