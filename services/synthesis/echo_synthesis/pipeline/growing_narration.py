"""Speech of a text that is still being written: its sentences in order, synthesised ahead of their turn."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from echo_synthesis.pipeline.narration import (
    UNREAD_SECONDS,
    Narration,
    Narrator,
    PrefetchedSegment,
    SpokenSegment,
    place_segment,
    release_segments,
)


@dataclass(frozen=True, slots=True)
class Flush:
    """Mark after the narrations of text that was flushed."""


class NarrationSource(Protocol):
    """The narrations of a text in order, one voice for all."""

    async def next(self) -> Narration | Flush | None:
        """Wait for the next narration or mark and return it; None at the end of the text. A cancelled call loses none."""
        ...


_Item = Narration | PrefetchedSegment | Flush | Exception | None


async def speak_growing(narrator: Narrator, source: NarrationSource) -> AsyncGenerator[Narration | SpokenSegment | Flush, None]:
    """Yield each narration, then its segments, and the marks in order. Close the generator to stop.

    As with `Narrator.speak` for streams, the first segment gets all resources until the consumer asks for the second, and a stream
    that is not read holds the speech of one segment. An error of the source is raised after the speech before it.
    """
    ahead = _SegmentsAhead(narrator, source)
    narration: Narration | None = None
    samples, first = 0, True
    try:
        while (item := await ahead.take()) is not None:
            if isinstance(item, Exception):
                raise item
            if isinstance(item, Narration):
                narration = item
            if not isinstance(item, PrefetchedSegment):
                yield item
                continue
            assert narration is not None  # noqa: S101 - segments follow their narration
            spoken = await item.spoken()
            if not first:
                ahead.make_room(1)
            held = [await place_segment(item.spaced, spoken, narration, samples)]
            samples += len(held[0].speech.samples)
            del item, spoken
            with ahead.released_unread():
                yield held.pop()
            if first:
                ahead.make_room(narrator.segments_ahead(narration))
                first = False
    finally:
        await ahead.close()


class _SegmentsAhead:
    """The narrations of a source with their segments, which are synthesised ahead as far as there is room."""

    def __init__(self, narrator: Narrator, source: NarrationSource) -> None:
        self._narrator = narrator
        self._source = source
        self._items: deque[_Item] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Semaphore(1)
        self._filling = asyncio.create_task(self._fill())

    async def take(self) -> _Item:
        """Wait for the next item and remove it."""
        while not self._items:
            self._arrived.clear()
            await self._arrived.wait()
        return self._items.popleft()

    def make_room(self, segments: int) -> None:
        """Let more segments be synthesised ahead."""
        for _ in range(segments):
            self._room.release()

    @contextmanager
    def released_unread(self) -> Iterator[None]:
        """Release the segments ahead if the context lasts, because the stream is not read; the speech cache keeps them."""
        if not self._narrator.releases:
            yield
            return
        waiting = asyncio.get_running_loop().call_later(UNREAD_SECONDS, self._release)
        try:
            yield
        finally:
            waiting.cancel()

    async def close(self) -> None:
        """Stop; cancel the synthesis of segments ahead."""
        self._filling.cancel()
        await asyncio.gather(self._filling, return_exceptions=True)
        await asyncio.gather(*(segment.close() for segment in self._segments()))

    def _segments(self) -> list[PrefetchedSegment]:
        return [item for item in self._items if isinstance(item, PrefetchedSegment)]

    def _release(self) -> None:
        release_segments(self._segments())

    async def _fill(self) -> None:
        try:
            while (item := await self._source.next()) is not None:
                self._put(item)
                if not isinstance(item, Narration):
                    continue
                for spaced in item.script:
                    await self._room.acquire()
                    self._put(self._narrator.prefetch(item, spaced))
            self._put(None)
        except Exception as error:  # raised to the consumer after the speech before it
            self._put(error)

    def _put(self, item: _Item) -> None:
        self._items.append(item)
        self._arrived.set()
