"""Tasks in the background of a process: referred to until they end, and ended before their owner is closed."""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import structlog

T = TypeVar("T")

_log = structlog.get_logger("echo.background")


class BackgroundTasks:
    """Tasks that outlive the calls that start them. An error that ends a task is logged."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def running(self) -> Collection[asyncio.Task[Any]]:
        """The tasks that have not ended."""
        return tuple(self._tasks)

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)
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
            _log.error("background_task_failed", work=getattr(task.get_coro(), "__qualname__", None), exc_info=error)


@asynccontextmanager
async def running_in_background(work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Run a coroutine while the context lasts; on exit, cancel it and wait until it has ended."""
    tasks = BackgroundTasks()
    tasks.start(work)
    try:
        yield
    finally:
        await tasks.close()
