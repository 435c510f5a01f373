"""Use cases of streams: the timeline of a playlist, and its audio without gaps."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import NoReturn

from echo_common.audio.formats import FORMATS
from echo_common.auth.principal import Principal
from echo_common.contracts.errors.playlists import PlaylistNotFoundError
from echo_common.contracts.errors.streams import PlaylistWithoutAudioError
from echo_common.contracts.values import JobStatus, StreamFormat
from echo_common.errors import refuse
from echo_listening.dependencies import Dependencies
from echo_listening.domain.playlists import Playlist
from echo_listening.domain.timeline import SkipReason, Timeline
from echo_listening.repository.id_filters import id_filters
from echo_listening.streams.encoding import encode
from echo_listening.streams.joining import StreamedTrack, log_skip
from echo_listening.streams.samples import Samples
from echo_listening.usecases.features import analyse_skipped
from echo_listening.usecases.playlists import find_playlist


@dataclass(frozen=True)
class PlaylistStream:
    """An open stream. Close `samples` in any case: its first step is done, that of `body` is not.

    `skipped` is the number of tracks of the playlist that are known to be skipped.
    """

    body: AsyncGenerator[bytes, None]
    samples: AsyncGenerator[Samples, None]
    media_type: str
    skipped: int


async def find_audible_playlist(playlist_id: str, principal: Principal, deps: Dependencies) -> Playlist:
    """Return a playlist of the user, or one that a group session of the user plays. Raises `PlaylistNotFoundError`."""
    try:
        return await find_playlist(playlist_id, principal, deps)
    except PlaylistNotFoundError:
        if (
            await deps.group_sessions.find_one({"active_playlist_id": playlist_id, "members.user_id": principal.user_id})
            is None
        ):
            raise
        return await deps.playlists.get(playlist_id)


async def find_timeline(playlist_id: str, principal: Principal, deps: Dependencies) -> tuple[Playlist, Timeline]:
    """Return a playlist that the user may hear and the times of its tracks. Raises `PlaylistNotFoundError`."""
    playlist = await find_audible_playlist(playlist_id, principal, deps)
    tracks = await deps.tracks.find_by_ids(item.track_id for item in playlist.items)
    return playlist, Timeline.build(playlist.items, tracks, await _unreadable(tracks, deps))


async def open_stream(
    playlist_id: str, principal: Principal, deps: Dependencies, *, audio_format: StreamFormat, start: float
) -> PlaylistStream:
    """Open the stream of a playlist, and decode its beginning.

    Raises `PlaylistNotFoundError`, `PlaylistWithoutAudioError`, `ValidationError` if it is shorter than `start` seconds, and
    `TooManyOpenError` or `ServiceUnavailableError` while too many streams are open.
    """
    _, timeline = await find_timeline(playlist_id, principal, deps)
    if not timeline.items:
        raise PlaylistWithoutAudioError
    if start and start >= timeline.duration:
        _refuse_start(timeline.duration)
    duration, known = timeline.duration, len(timeline.skipped)
    skipped = known

    async def skip(track: StreamedTrack, code: str) -> None:
        nonlocal skipped
        skipped += 1
        await log_skip(track, code)
        await analyse_skipped(track.track_id, code, deps)

    samples = deps.streams.join(principal.user_id, _streamed(timeline, start), skip)
    del timeline
    try:
        first = await anext(samples)
    except StopAsyncIteration:
        if start and skipped == known:  # no sample is left between the start and the end
            _refuse_start(duration)
        raise PlaylistWithoutAudioError from None
    audio = FORMATS[audio_format.value]
    return PlaylistStream(encode(_from(first, samples), audio), samples, audio.mime, skipped)


def _refuse_start(duration: float) -> NoReturn:
    refuse("start", f"The stream has {duration:.3f} seconds; start earlier.")


def _streamed(timeline: Timeline, start: float) -> Iterator[StreamedTrack]:
    """Return the needed fields of each track: all tracks of a long playlist would fill the memory of many streams."""
    needed = [
        StreamedTrack(
            item.track.id, item.track.object_key, item.track.mime, item.track.size, item.track.duration, offset=offset
        )
        for item, offset in timeline.since(start)
    ]
    return iter(needed)


async def _from(first: Samples, rest: AsyncGenerator[Samples, None]) -> AsyncGenerator[Samples, None]:
    async with aclosing(rest):
        yield first
        async for block in rest:
            yield block


async def _unreadable(track_ids: Iterable[str], deps: Dependencies) -> Mapping[str, SkipReason]:
    """Return the tracks whose analysis found that their file is missing or no audio."""
    found: dict[str, SkipReason] = {}
    for some in id_filters(track_ids):
        where = {**some, "status": JobStatus.COMPLETED.value, "error_code": {"$exists": True}}
        async for analysis in deps.analyses.find(where):
            if analysis.error_code is not None:
                found[analysis.id] = SkipReason(analysis.error_code, analysis.error_message or "")
    return found
