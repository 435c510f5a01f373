"""Tasks of both services in a real database, performed by a function that the test controls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from echo_common.contracts.values import JobStatus
from echo_common.error_reports import ErrorReports, reporting_to
from echo_common.errors import EchoError, ServiceUnavailableError
from echo_common.faults import FaultPoints
from echo_common.metrics import Metrics
from echo_common.work.port import Attempt, Result
from echo_common.work.queue import WorkQueue
from echo_common.work.repository import TaskRepository
from echo_common.work.task import Task
from echo_common.work.worker import Worker
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.work import JOB, TRAINING, Kind

WITHIN_SECONDS = 20.0


class RecordedResult(Result[Any]):
    """A result that records whether it was discarded."""

    def __init__(
        self,
        apply: Callable[[Any], object],
        discarded: list[int],
        attempt: int,
        while_storing: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(apply)
        self._discarded = discarded
        self._attempt = attempt
        self._while_storing = while_storing

    async def store(self) -> None:
        if self._while_storing is not None:
            await self._while_storing()

    async def discard(self) -> None:
        self._discarded.append(self._attempt)


@dataclass
class Bench:
    """Tasks of one kind, and a performer that records its attempts and completes them once `may_end` is set."""

    kind: Kind
    tasks: TaskRepository[Any]
    started: list[tuple[str, int]] = field(default_factory=list)
    ended: list[tuple[str, int]] = field(default_factory=list)
    discarded: list[int] = field(default_factory=list)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    errors: dict[str, Exception] = field(default_factory=dict)
    reports: ErrorReports = field(default_factory=lambda: ErrorReports("synthesis"))
    """Errors that attempts raise, by task id."""
    before_result: Callable[[Task, Attempt], Awaitable[None]] | None = None
    while_storing: Callable[[Task], Awaitable[None]] | None = None
    metrics: Metrics = field(default_factory=Metrics)

    async def perform(self, task: Task, attempt: Attempt) -> Result[Any]:
        key, number = (task.id, attempt.number), attempt.number
        self.started.append(key)
        try:
            if task.id in self.errors:
                raise self.errors[task.id]
            await self.may_end.wait()
            if self.before_result is not None:
                await self.before_result(task, attempt)
        finally:
            self.ended.append(key)
        storing = None if self.while_storing is None else partial(self.while_storing, task)
        return RecordedResult(lambda held: self.kind.complete(held, number), self.discarded, number, storing)

    @asynccontextmanager
    async def running(
        self,
        slots: int = 4,
        *,
        lease_seconds: float = 600,
        exclusive: bool = False,
        deferrable: tuple[type[EchoError], ...] = (ServiceUnavailableError,),
    ) -> AsyncIterator[Worker]:
        """Run a worker while the context lasts."""
        queue = WorkQueue("tasks", self.tasks, self.perform, slots=slots, deferrable=deferrable)
        worker = Worker(lease_seconds, self.metrics, FaultPoints(), exclusive=exclusive, errors=self.reports)
        with reporting_to(self.reports):
            async with worker.running([queue]):
                yield worker

    async def add(self) -> Task:
        task = self.kind.queue()
        await self.tasks.add(task)
        return task

    async def add_orphan(self, *, lease_seconds: float = 600, losses: int = 0) -> Task:
        """Add a task whose worker died."""
        task = await self.add()
        task.losses = losses
        task.claim("wrk_dead", lease_seconds)
        await self.tasks.save(task)
        return task

    async def read(self, task: Task) -> Task:
        held: Task = await self.tasks.get(task.id)
        return held

    async def until(self, task: Task, status: JobStatus) -> Task:
        async def reached() -> bool:
            return (await self.read(task)).work_status is status

        await eventually(reached, within=WITHIN_SECONDS)
        return await self.read(task)

    async def until_started(self, task: Task, attempt: int = 1) -> None:
        await eventually(lambda: (task.id, attempt) in self.started, within=WITHIN_SECONDS)


@pytest.fixture(params=[JOB, TRAINING], ids=["synthesis", "voice"])
async def bench(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Bench]:
    kind: Kind = request.param
    store = await database.open(kind.service)
    tasks = kind.open(store)
    await tasks.prepare()
    yield Bench(kind, tasks)
    await store.close()
