"""A bounded queue between the tasks of a reply and the client that receives its events."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class EventQueue(Generic[T]):
    """A queue in which at most `most` items take a place. It ends once, after or without the items in it."""

    def __init__(self, most: int) -> None:
        self._items: deque[tuple[T, bool]] = deque()
        self._places = asyncio.Semaphore(most)
        self._changed = asyncio.Event()
        self._ended = False

    async def put(self, item: T) -> None:
        """Add an item that takes a place; wait while all places are taken."""
        await self._places.acquire()
        self._items.append((item, True))
        self._changed.set()

    def add(self, item: T) -> None:
        """Add an item that takes no place, because the producer bounds their number."""
        self._items.append((item, False))
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
                item, takes_place = self._items.popleft()
                if takes_place:
                    self._places.release()
                yield item
            if self._ended:
                return
            self._changed.clear()
            await self._changed.wait()
