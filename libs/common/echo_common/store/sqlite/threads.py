"""Threads that process tasks for event loops."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Results:
    """Results to deliver to an event loop, with one call into the loop for all that are ready."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ready: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._called = False
        self._lock = threading.Lock()

    def put(self, future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
        """Set the result of a future, from any thread."""
        with self._lock:
            self._ready.append((future, result, error))
            if self._called:
                return
            self._called = True
        try:
            self.loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop is closed
            self._ready.clear()

    def _deliver(self) -> None:
        with self._lock:
            self._called = False
            ready, self._ready = self._ready, deque()
        for future, result, error in ready:
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


@dataclass(slots=True)
class Task(Generic[T]):
    """Work that an event loop awaits. A thread calls `work`, unless the future is cancelled by then."""

    work: Callable[..., T]
    future: "asyncio.Future[T]"
    results: Results = field(repr=False)

    @property
    def wanted(self) -> bool:
        """True while the result is awaited."""
        return not self.future.cancelled()

    def finish(self, result: T | None, error: BaseException | None = None) -> None:
        """Deliver the result or the error."""
        self.results.put(self.future, result, error)


class Queue(Generic[T]):
    """Queue of tasks between event loops and threads."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Task[T] | None] = SimpleQueue()
        self._closed = False

    def put(self, task: Task[T]) -> None:
        """Add a task. Raises `CancelledError` after `close`."""
        if self._closed:
            raise CancelledError
        self._tasks.put(task)

    def take(self, most: int, timeout: float | None = None) -> list[Task[T]] | None:
        """Wait for tasks and return up to `most` of them: none after the timeout, None when closed and empty."""
        taken: list[Task[T]] = []
        try:
            task = self._tasks.get(timeout=timeout)
            while task is not None:
                taken.append(task)
                if len(taken) == most:
                    return taken
                task = self._tasks.get_nowait()
        except Empty:
            return taken
        self._tasks.put(None)  # for the other threads
        return taken or None

    def close(self) -> None:
        """Close the queue: the threads end once it is empty."""
        self._closed = True
        self._tasks.put(None)
