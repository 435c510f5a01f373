"""Processing of values in batches, in the order of their arrival."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from echo_common.background_tasks import BackgroundTasks

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Batch(Generic[V]):
    task: asyncio.Task[None]
    values: list[V] = field(default_factory=list)


class Batches(Generic[K, V]):
    """Batches of values by key, of which one is processed at a time for each key.

    Values that arrive while a batch of their key is processed share the next one.

    Args:
        process: Function that processes the values of a key.
    """

    def __init__(self, process: Callable[[K, Sequence[V]], Awaitable[None]]) -> None:
        self._process = process
        self._tasks = BackgroundTasks()
        self._running: dict[K, asyncio.Task[None]] = {}
        self._waiting: dict[K, _Batch[V]] = {}

    async def add(self, key: K, value: V) -> None:
        """Add a value, and wait until its batch is processed. Raises the errors of the processing."""
        batch = self._waiting.get(key)
        if batch is None:
            batch = self._waiting[key] = _Batch(self._tasks.start(self._run(key), awaited=True))
        batch.values.append(value)
        await asyncio.shield(batch.task)

    async def finish(self) -> None:
        """Wait until all batches are processed."""
        await self._tasks.finish()

    async def _run(self, key: K) -> None:
        while (running := self._running.get(key)) is not None:
            await asyncio.wait([running])
        batch = self._waiting.pop(key)
        self._running[key] = batch.task
        try:
            await self._process(key, batch.values)
        finally:
            del self._running[key]
