"""The position of a client's loudspeaker."""

import pytest

from echo_voice.talk.playback import Playback


def test_audio_plays_from_the_time_at_which_it_is_sent() -> None:
    playback = Playback()
    playback.send(3.0, now=100.0)
    assert playback.position_seconds(101.0) == 1.0
    assert playback.ahead_seconds(101.0) == 2.0
    assert playback.position_seconds(110.0) == 3.0
    assert playback.ahead_seconds(110.0) == 0.0


def test_the_loudspeaker_waits_for_audio_that_is_late() -> None:
    playback = Playback()
    playback.send(1.0, now=100.0)
    playback.send(1.0, now=105.0)
    assert playback.position_seconds(105.5) == 1.5


def test_a_report_corrects_the_position() -> None:
    playback = Playback()
    playback.send(3.0, now=100.0)
    playback.report(0.5, now=101.0)
    assert playback.position_seconds(101.5) == 1.0


def test_a_report_is_at_most_the_sent_duration() -> None:
    playback = Playback()
    playback.send(3.0, now=100.0)
    playback.report(9.0, now=101.0)
    assert playback.position_seconds(101.0) == 3.0


async def test_the_position_of_a_stopped_loudspeaker_remains() -> None:
    playback = Playback()
    playback.send(3.0, now=100.0)
    playback.stop(now=101.0)
    assert playback.position_seconds(102.0) == 1.0
    assert await playback.final_position_seconds(now=102.0, patience_seconds=0) == 1.0


async def test_the_report_of_a_stopped_loudspeaker_is_its_position() -> None:
    playback = Playback()
    playback.send(3.0, now=100.0)
    playback.stop(now=101.0)
    playback.report(0.4, now=101.5)
    assert await playback.final_position_seconds(now=102.0, patience_seconds=60) == pytest.approx(0.4)
