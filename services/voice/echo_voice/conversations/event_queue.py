"""A bounded queue between the tasks of a reply and the client that receives its events."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class EventQueue(Generic[T]):
    """A queue of at most `most` items; producers wait while it is full. It ends once, after or without the items in it."""

    def __init__(self, most: int) -> None:
        self._items: deque[T] = deque()
        self._places = asyncio.Semaphore(most)
        self._changed = asyncio.Event()
        self._ended = False

    async def put(self, item: T) -> None:
        """Add an item; wait while the queue is full."""
        await self._places.acquire()
        self._items.append(item)
        self._changed.set()

    def end(self, *, discard: bool = False) -> None:
        """End the queue after the items in it; with `discard`, without them."""
        self._ended = True
        if discard:
            self._items.clear()
        self._changed.set()

    async def items(self) -> AsyncGenerator[T, None]:
        """Yield the items until the end."""
        while True:
            while self._items:
                self._places.release()
                yield self._items.popleft()
            if self._ended:
                return
            self._changed.clear()
            await self._changed.wait()
