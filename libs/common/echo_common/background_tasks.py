"""Tasks in the background of a process: referred to until they end, and ended before their owner is closed.

Their unexpected errors are logged and reported to the error log of the platform.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

import structlog
from structlog.typing import FilteringBoundLogger

from echo_common.error_reports import current_reports
from echo_common.errors import EchoError, is_failure

T = TypeVar("T")

_log = structlog.get_logger("echo.background")


class BackgroundTasks:
    """Tasks that outlive the calls that start them. An error that ends a task is logged and reported."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._errors = current_reports.get()

    @property
    def running(self) -> Collection[asyncio.Task[Any]]:
        """The tasks that have not ended."""
        return tuple(self._tasks)

    def start(self, work: Coroutine[Any, Any, T], *, awaited: bool = False) -> asyncio.Task[T]:
        """Start a task. With `awaited`, the caller handles the errors of the task; they are neither logged nor reported."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard if awaited else self._end)
        return task

    async def finish(self, timeout: float | None = None) -> None:
        """Wait until all tasks have ended, also those that they start, for `timeout` s at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._tasks:
                    await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Cancel all tasks, and wait until they have ended."""
        running = self.running
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            work = getattr(task.get_coro(), "__qualname__", None)
            _log.error("background_task_failed", work=work, exc_info=error)
            if self._errors is not None and is_failure(error):
                self._errors.report("background", work, error)


def report_failure(log: FilteringBoundLogger, work: str, error: Exception) -> None:
    """Log an unexpected error of work in the background as `<work>_failed`, and report it."""
    log.error(f"{work}_failed", exc_info=error)
    if (errors := current_reports.get()) is not None:
        errors.report("background", work, error)


def report_unless_outage(log: FilteringBoundLogger, work: str, error: Exception) -> None:
    """Log an outage or a conflict of work in the background as `<work>_interrupted`; report any other error as a failure."""
    if isinstance(error, EchoError) and (error.remote or not is_failure(error)):
        log.warning(f"{work}_interrupted", error=error.message)
    else:
        report_failure(log, work, error)


@dataclass(frozen=True, slots=True)
class _ErrorTolerance:
    """A context whose errors end this context alone."""

    log: FilteringBoundLogger
    work: str

    def __enter__(self) -> None:
        return

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        report_unless_outage(self.log, self.work, error)
        return True


def continue_after_errors(log: FilteringBoundLogger, work: str) -> AbstractContextManager[None, bool]:
    """Let a loop in the background continue after an error in one of its rounds.

    An unexpected error is logged and reported, see `report_failure`; an outage or a conflict is logged as `<work>_interrupted`.
    """
    return _ErrorTolerance(log, work)


@asynccontextmanager
async def running_in_background(work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Run a coroutine while the context lasts; on exit, cancel it and wait until it has ended."""
    tasks = BackgroundTasks()
    tasks.start(work)
    try:
        yield
    finally:
        await tasks.close()
