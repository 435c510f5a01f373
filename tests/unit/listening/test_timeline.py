"""Timelines: tracks one after the other, and the tracks that a stream skips."""

from echo_common.clock import now
from echo_common.contracts.values import TrackSource
from echo_listening.domain.playlists import PlaylistItem
from echo_listening.domain.timeline import SkipReason, Timeline
from echo_listening.domain.tracks import Track


def track(track_id: str, duration: float | None, object_key: str | None = "audio/1") -> Track:
    return Track(
        id=track_id,
        user_id="usr_ada",
        source=TrackSource.SPEECH,
        name=f"Name of {track_id}",
        duration=duration,
        object_key=object_key,
        created_at=now(),
    )


def timeline(*tracks: Track, unknown: tuple[str, ...] = (), unreadable: dict[str, SkipReason] | None = None) -> Timeline:
    ids = [*(each.id for each in tracks), *unknown]
    items = [PlaylistItem.create(track_id, "usr_ada") for track_id in ids]
    return Timeline.build(items, {each.id: each for each in tracks}, unreadable or {})


def test_each_track_starts_where_the_one_before_ends() -> None:
    built = timeline(track("a", 2.5), track("b", 4.0), track("a", 2.5))
    assert [(item.track.id, item.start, item.duration) for item in built.items] == [
        ("a", 0, 2.5),
        ("b", 2.5, 4),
        ("a", 6.5, 2.5),
    ]
    assert built.duration == 9


def test_tracks_without_audio_take_no_time_and_are_named() -> None:
    reason = SkipReason("TRACK_NOT_AUDIO", "The file is not audio.")
    built = timeline(
        track("spotify", 180.0, None), track("text", 3.0), track("c", 1.0), unknown=("gone",), unreadable={"text": reason}
    )

    assert [(item.track.id, item.start) for item in built.items] == [("c", 0)]
    assert [(item.track_id, item.name, item.reason.code) for item in built.skipped] == [
        ("spotify", "Name of spotify", "TRACK_WITHOUT_AUDIO"),
        ("text", "Name of text", "TRACK_NOT_AUDIO"),
        ("gone", None, "TRACK_NOT_FOUND"),
    ]


def test_a_start_leaves_out_what_precedes_it() -> None:
    built = timeline(track("a", 2.0), track("b", 4.0), track("c", 1.0))

    def since(start: float) -> list[tuple[str, float]]:
        return [(item.track.id, offset) for item, offset in built.since(start)]

    assert since(0) == [("a", 0), ("b", 0), ("c", 0)]
    assert since(2) == [("b", 0), ("c", 0)]
    assert since(3.5) == [("b", 1.5), ("c", 0)]
    assert since(7) == []


def test_tracks_of_unknown_length_are_not_left_out() -> None:
    built = timeline(track("a", None), track("b", 1.0))
    assert [item.track.id for item, _ in built.since(0)] == ["a", "b"]
    assert built.duration == 1


def test_an_empty_playlist_has_no_duration() -> None:
    assert timeline().duration == 0
