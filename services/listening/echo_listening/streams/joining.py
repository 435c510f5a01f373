"""Joining of tracks: the samples of one follow those of another without a gap."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import structlog

from echo_common.contracts.errors.tracks import TrackNotAudioError, TrackWithoutAudioError
from echo_common.errors import ServiceUnavailableError
from echo_common.http.proxy_options import TooManyOpenError
from echo_common.scratch import Scratch
from echo_common.shielded import shielded
from echo_common.storage.port import ObjectStore
from echo_listening.streams.decoder import TrackDecoder, TrackUnreadableError
from echo_listening.streams.samples import Samples
from echo_listening.track_files import fetch

_RETRY_SECONDS: Final = 10

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StreamedTrack:
    """A track of a stream, with its file as in `Track`, from `offset` seconds on."""

    track_id: str
    object_key: str | None
    mime: str | None
    size: int | None
    duration: float | None
    offset: float = 0.0


Skip = Callable[[StreamedTrack, str], Awaitable[None]]
"""Function that is called with a track that is skipped, or whose rest is, and the code of the reason."""


async def log_skip(track: StreamedTrack, code: str) -> None:
    """Log that a track is skipped."""
    _log.warning("track_skipped", track_id=track.track_id, code=code)


class OpenStreams:
    """The streams of this process: at most `most`, and `per_user` of a user."""

    def __init__(self, most: int, per_user: int) -> None:
        self._most = most
        self._per_user = per_user
        self._users: Counter[str] = Counter()

    @contextmanager
    def counted(self, user_id: str) -> Iterator[None]:
        """Count a stream while the context is open. Raises `TooManyOpenError`, `ServiceUnavailableError`."""
        if self._users[user_id] >= self._per_user:
            raise TooManyOpenError(f"You have {self._per_user} open streams of playlists. Close one first.")
        if self._users.total() >= self._most:
            raise ServiceUnavailableError(
                "Too many playlists are streamed at once; try again shortly.", retry_after=_RETRY_SECONDS
            )
        self._users[user_id] += 1
        try:
            yield
        finally:
            self._users[user_id] -= 1
            self._users += Counter()  # removes users without streams


@dataclass(frozen=True)
class TrackJoiner:
    """Joins tracks. While one is read, the next one is fetched and its decoder started, so that it follows without a wait."""

    objects: ObjectStore
    decoder: TrackDecoder
    scratch: Scratch
    open_streams: OpenStreams

    async def join(self, user_id: str, tracks: Iterable[StreamedTrack], skip: Skip = log_skip) -> AsyncGenerator[Samples, None]:
        """Yield the samples of all tracks that can be decoded, for a user.

        Closing the generator ends all processes. Raises the errors of storage, `StorageFullError`, and `TooManyOpenError` or
        `ServiceUnavailableError` while too many streams are open.
        """
        remaining = enumerate(tracks)
        async with AsyncExitStack() as stack:
            stack.enter_context(self.open_streams.counted(user_id))
            folder = await stack.enter_async_context(self.scratch.work_folder("stream"))
            upcoming = self._prepare_next(remaining, folder)
            try:
                while upcoming is not None:
                    track, task = upcoming
                    try:
                        opened = await task
                    except (TrackWithoutAudioError, TrackNotAudioError) as error:
                        await skip(track, error.code)
                        upcoming = self._prepare_next(remaining, folder)
                        continue
                    upcoming = self._prepare_next(remaining, folder)
                    try:
                        async with aclosing(opened.samples()) as samples:
                            async for block in samples:
                                yield block
                    except TrackUnreadableError:
                        await skip(track, TrackNotAudioError.code)
            finally:
                if upcoming is not None:
                    await shielded(_discard(upcoming[1]))

    def _prepare_next(self, remaining: Iterator[tuple[int, StreamedTrack]], folder: Path) -> "_Upcoming | None":
        for number, track in remaining:
            return track, asyncio.create_task(self._prepare(track, folder / str(number)))
        return None

    async def _prepare(self, track: StreamedTrack, path: Path) -> "_OpenTrack":
        """Fetch a track and decode its beginning. Raises `TrackWithoutAudioError`, `TrackNotAudioError`."""
        try:
            await fetch(track, path, self.objects)
            return await _OpenTrack.open(path, self.decoder.decode(path, track.offset))
        except BaseException:
            await shielded(asyncio.to_thread(path.unlink, missing_ok=True))
            raise


@dataclass
class _OpenTrack:
    """A track whose first block is decoded. The file is removed when its samples are read or closed."""

    path: Path
    first: list[Samples]
    rest: AsyncGenerator[Samples, None]

    @classmethod
    async def open(cls, path: Path, decoding: AsyncGenerator[Samples, None]) -> Self:
        """Decode the first block. Raises `TrackNotAudioError`."""
        try:
            first = [await anext(decoding)]
        except StopAsyncIteration:  # nothing is left of a track that begins after its end
            first = []
        except TrackUnreadableError as error:
            await decoding.aclose()
            raise TrackNotAudioError from error
        except BaseException:
            await shielded(decoding.aclose())
            raise
        return cls(path, first, decoding)

    async def samples(self) -> AsyncGenerator[Samples, None]:
        """Yield all samples. Raises `TrackUnreadableError`."""
        try:
            while self.first:
                yield self.first.pop()
            async for block in self.rest:
                yield block
        finally:
            await shielded(self.close())

    async def close(self) -> None:
        """End the decoding and remove the file."""
        await self.rest.aclose()
        await asyncio.to_thread(self.path.unlink, missing_ok=True)


_Upcoming = tuple[StreamedTrack, asyncio.Task[_OpenTrack]]


async def _discard(task: asyncio.Task[_OpenTrack]) -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is None:
        await task.result().close()
