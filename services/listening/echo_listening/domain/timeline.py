"""Timelines: the times of tracks in the stream of a playlist."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from echo_common.contracts.errors.tracks import TrackNotFoundError, TrackWithoutAudioError
from echo_listening.domain.playlists import PlaylistItem
from echo_listening.domain.tracks import Track


@dataclass(frozen=True, slots=True)
class SkipReason:
    """The reason for which a stream skips a track."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """A track in a stream; `start` and `duration` are seconds."""

    item_id: str
    track: Track
    start: float
    duration: float


@dataclass(frozen=True, slots=True)
class SkippedItem:
    """A track that a stream skips; `name` is null if the track is deleted."""

    item_id: str
    track_id: str
    name: str | None
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Timeline:
    """The times of all tracks in a stream, and the tracks that it skips, in their order."""

    items: tuple[TimelineItem, ...]
    skipped: tuple[SkippedItem, ...]

    @property
    def duration(self) -> float:
        """Duration of the stream in seconds."""
        return 0.0 if not self.items else self.items[-1].start + self.items[-1].duration

    @classmethod
    def build(
        cls, items: Iterable[PlaylistItem], tracks: Mapping[str, Track], unreadable: Mapping[str, SkipReason]
    ) -> "Timeline":
        """Place the tracks of a playlist one after the other.

        Args:
            items: The items of the playlist.
            tracks: The tracks by their id.
            unreadable: Reasons for which tracks with a file cannot be played, by the track's id.
        """
        placed: list[TimelineItem] = []
        skipped: list[SkippedItem] = []
        start = 0.0
        for item in items:
            track = tracks.get(item.track_id)
            reason = _reason_to_skip(track, unreadable.get(item.track_id))
            if track is None or reason is not None:
                name = None if track is None else track.name
                skipped.append(SkippedItem(item.item_id, item.track_id, name, reason or _DELETED))
                continue
            duration = track.duration or 0.0
            placed.append(TimelineItem(item.item_id, track, start, duration))
            start += duration
        return cls(tuple(placed), tuple(skipped))

    def since(self, start: float) -> tuple[tuple[TimelineItem, float], ...]:
        """Return the tracks that are heard from `start` seconds on, with the seconds of each that are left out."""
        return tuple(
            (item, max(0.0, start - item.start))
            for item in self.items
            if item.start >= start or item.start + item.duration > start
        )


_DELETED = SkipReason(TrackNotFoundError.code, TrackNotFoundError.default_message())
_WITHOUT_AUDIO = SkipReason(TrackWithoutAudioError.code, TrackWithoutAudioError.default_message())


def _reason_to_skip(track: Track | None, unreadable: SkipReason | None) -> SkipReason | None:
    if track is None:
        return _DELETED
    return _WITHOUT_AUDIO if track.object_key is None else unreadable
