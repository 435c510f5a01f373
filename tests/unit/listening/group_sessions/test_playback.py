"""What plays in a group session is a function of its state, its playlist and the time."""

import random
from collections.abc import Callable

import pytest

from echo_common.contracts.values import PlaybackState
from echo_listening.domain.playback import Playback, SessionItem, SessionTimeline, UnknownItemError

PLAYING, PAUSED, FINISHED = PlaybackState.PLAYING, PlaybackState.PAUSED, PlaybackState.FINISHED


def items(**durations: int) -> list[SessionItem]:
    return [SessionItem(item_id=name, track_id=f"track_{name}", duration=duration) for name, duration in durations.items()]


ALBUM = SessionTimeline(items(a=1_000, b=2_000, c=3_000))
WITH_SPOTIFY = SessionTimeline(items(x=0, a=1_000, y=0, z=0, b=2_000, w=0))


def playing(item_id: str, position: int = 0, at: int = 0) -> Playback:
    return Playback(state=PLAYING, item_id=item_id, position=position, at=at)


@pytest.mark.parametrize(
    ("time", "item_id", "position"),
    [(0, "a", 0), (999, "a", 999), (1_000, "b", 0), (2_999, "b", 1_999), (3_000, "c", 0), (5_999, "c", 2_999)],
)
def test_items_follow_each_other_without_a_command(time: int, item_id: str, position: int) -> None:
    assert ALBUM.resolve(playing("a"), time) == playing(item_id, position, time)


def test_a_playlist_ends_after_its_last_item() -> None:
    assert ALBUM.resolve(playing("a"), 6_000) == Playback(state=FINISHED, item_id="c", position=3_000, at=6_000)
    assert WITH_SPOTIFY.resolve(playing("b"), 9_000) == Playback(state=FINISHED, item_id="w", position=0, at=9_000)


def test_items_without_audio_are_skipped() -> None:
    assert WITH_SPOTIFY.resolve(playing("x"), 500) == playing("a", 500, 500)
    assert WITH_SPOTIFY.resolve(playing("x"), 1_000) == playing("b", 0, 1_000)


def test_a_paused_item_stays() -> None:
    paused = Playback(item_id="b", position=700)
    assert ALBUM.resolve(paused, 50_000) == Playback(item_id="b", position=700, at=50_000)


def test_a_command_in_the_future_has_no_effect_yet() -> None:
    assert ALBUM.resolve(playing("a", 100, at=500), 400) == playing("a", 100, at=500)


def test_intermediate_times_change_nothing() -> None:
    chance = random.Random(1)
    for _ in range(500):
        first = chance.randrange(7_000)
        second = first + chance.randrange(7_000)
        start = playing(chance.choice("abc"), chance.randrange(1_000))
        assert ALBUM.resolve(ALBUM.resolve(start, first), second) == ALBUM.resolve(start, second)


def test_pause_keeps_the_position_and_play_continues_from_it() -> None:
    paused = ALBUM.pause(ALBUM.resolve(playing("a"), 1_500))
    assert paused == Playback(item_id="b", position=500, at=1_500)
    assert ALBUM.play(ALBUM.resolve(paused, 9_000)) == playing("b", 500, 9_000)


def test_play_after_the_end_starts_again() -> None:
    assert ALBUM.play(ALBUM.resolve(playing("c"), 4_000)) == playing("a", 0, 4_000)
    assert WITH_SPOTIFY.play(WITH_SPOTIFY.resolve(playing("b"), 4_000)) == playing("a", 0, 4_000)


def test_commands_that_change_nothing_return_the_same_playback() -> None:
    now, paused = playing("b", 10, 10), Playback(item_id="b")
    for command, state in (
        (ALBUM.play, now),
        (ALBUM.pause, paused),
        (ALBUM.next("a"), now),
        (ALBUM.previous("c"), now),
        (ALBUM.play, Playback()),
    ):
        assert command(state) is state


def test_two_members_who_skip_one_item_skip_once() -> None:
    first = ALBUM.next("a")(ALBUM.resolve(playing("a"), 100))
    second = ALBUM.next("a")(ALBUM.resolve(first, 150))
    assert second == playing("b", 50, 150)


def test_the_next_of_the_last_item_is_the_end() -> None:
    assert ALBUM.next("c")(playing("c")).state is FINISHED
    finished = WITH_SPOTIFY.next("b")(playing("b"))
    assert (finished.state, finished.item_id) == (FINISHED, "w")
    assert ALBUM.next("c")(ALBUM.resolve(playing("c"), 9_000)).state is FINISHED


def test_skipping_passes_over_items_without_audio() -> None:
    assert WITH_SPOTIFY.next("a")(playing("a")) == playing("b")
    assert WITH_SPOTIFY.previous("b")(playing("b", 700)) == playing("a")
    assert WITH_SPOTIFY.previous("a")(playing("a", 700)) == playing("a")


def test_a_paused_session_stays_paused_when_it_skips_or_seeks() -> None:
    assert ALBUM.next("a")(Playback(item_id="a")).state is PAUSED
    assert ALBUM.seek("c", 100)(Playback(item_id="a")) == Playback(item_id="c", position=100)


def test_a_seek_is_limited_to_the_item() -> None:
    assert ALBUM.seek("a", 99_000)(playing("b")) == playing("a", 1_000)
    assert ALBUM.resolve(ALBUM.seek("a", 99_000)(playing("b")), 1) == playing("b", 1, 1)


@pytest.mark.parametrize("command", [ALBUM.next, ALBUM.previous, lambda item_id: ALBUM.seek(item_id, 0)])
def test_commands_for_unknown_items_are_refused(command: Callable[[str], object]) -> None:
    with pytest.raises(UnknownItemError):
        command("gone")


def test_the_present_item_continues_when_the_playlist_changes() -> None:
    change = ALBUM.replace(items(c=3_000, b=2_000, d=500))
    assert change(playing("b", 300, 40)) == playing("b", 300, 40)


def test_the_next_item_that_is_left_starts_when_the_present_one_is_removed() -> None:
    assert ALBUM.replace(items(c=3_000))(playing("a", 300, 40)) == playing("c", 0, 40)
    assert ALBUM.replace(items(a=1_000))(playing("b", 300, 40)).state is FINISHED
    assert ALBUM.replace([])(playing("b", 300, 40)) == Playback(at=40)


def test_an_empty_playlist_starts_paused_at_its_first_item_once_it_has_one() -> None:
    empty = SessionTimeline([])
    assert empty.play(empty.start(5)) == Playback(at=5)
    assert empty.replace(items(a=10))(empty.start(5)) == Playback(item_id="a", at=5)
