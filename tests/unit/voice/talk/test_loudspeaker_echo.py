"""Loudspeaker echo does not start an utterance; a person who speaks over the reply does."""

import numpy as np
import pytest

from echo_voice.talk.detector import SpeechEvent, SpeechStarted, VoiceActivity
from echo_voice.talk.listener import Listener
from tests.support.loudspeaker import MESSAGE_SECONDS, Samples, interruption, messages, mixed, pcm, reply, through_room

INTERRUPTED_AT = 3.0
OTHER_REPLY_AT = 3.5
ROOMS = [(0.02, -20.0), (0.02, -6.0), (0.12, -12.0), (0.25, -20.0), (0.25, -6.0)]


def starts(microphone: Samples, played: Samples | None) -> list[float]:
    """Return the times in seconds at which speech was detected."""
    listener = Listener("pcm_16000", "pcm_16000", VoiceActivity())
    if played is not None:
        listener.play(pcm(played))
    found = []
    for number, message in enumerate(messages(microphone), 1):
        if SpeechStarted() in listener.hear(message).events:
            found.append(number * MESSAGE_SECONDS)
    return found


def detectable() -> float:
    """Return the time at which speech is detected in silence."""
    silence = np.zeros(round(INTERRUPTED_AT * 16_000), np.float32)
    return starts(mixed(silence, interruption(), INTERRUPTED_AT), None)[0]


@pytest.mark.parametrize(("delay", "decibels"), ROOMS)
def test_a_reply_that_returns_to_the_microphone_is_not_speech(delay: float, decibels: float) -> None:
    echo = through_room(reply(), delay_seconds=delay, decibels=decibels)
    assert starts(echo, reply()) == []


@pytest.mark.parametrize("decibels", [-20.0, -6.0])
def test_without_its_reference_the_echo_would_be_speech(decibels: float) -> None:
    assert starts(through_room(reply(), delay_seconds=0.1, decibels=decibels), None)


@pytest.mark.parametrize(("delay", "decibels"), ROOMS)
def test_a_person_who_speaks_over_a_reply_is_heard_within_200_milliseconds(delay: float, decibels: float) -> None:
    echo = through_room(reply(), delay_seconds=delay, decibels=decibels)
    found = starts(mixed(echo, interruption(), INTERRUPTED_AT), reply())
    assert found
    assert INTERRUPTED_AT < found[0] <= detectable() + 0.2


def test_with_headphones_a_person_is_heard_as_in_silence_from_the_first_seconds_of_replies_on() -> None:
    played = np.concatenate([reply(), np.zeros(16_000, np.float32), reply()])
    quiet = 0.001 * np.random.default_rng(1).standard_normal(len(played)).astype(np.float32)
    offset = len(reply()) / 16_000 + 1.5 - INTERRUPTED_AT
    found = starts(mixed(quiet, interruption(), INTERRUPTED_AT + offset), played)
    assert found
    assert INTERRUPTED_AT < found[0] - offset <= detectable() + 0.2


def test_echo_that_begins_later_is_not_speech() -> None:
    played = np.concatenate([reply(), reply()])
    echo = through_room(played, delay_seconds=0.1, decibels=-10)
    echo[: len(reply())] = 0  # the headphones are unplugged
    assert [at for at in starts(echo, played) if at > len(reply()) / 16_000 + 2] == []


def test_a_long_delay_is_found_and_aligned() -> None:
    echo = through_room(reply(), delay_seconds=1.2, decibels=-10)
    assert [at for at in starts(echo, reply()) if at > 2.5] == []
    interrupted = starts(mixed(echo, interruption(), 4.0), reply())
    assert any(4.0 < at < 4.6 for at in interrupted)


def test_speech_after_a_stopped_reply_is_heard() -> None:
    listener = Listener("pcm_16000", "pcm_16000", VoiceActivity())
    listener.play(pcm(reply()))
    echo = through_room(reply(), delay_seconds=0.1, decibels=-10)[: 2 * 16_000]
    events = [event for message in messages(echo) for event in listener.hear(message).events]
    listener.stop_playing()
    spoken = mixed(np.zeros(24_000, np.float32), interruption(), 1.5)
    events += [event for message in messages(spoken) for event in listener.hear(message).events]
    assert events.count(SpeechStarted()) == 1


@pytest.mark.parametrize(("first", "second"), [(0.04, 0.1), (0.1, 0.04), (0.1, 0.5), (0.3, 0.06)])
def test_echo_whose_delay_changes_between_replies_is_not_speech(first: float, second: float) -> None:
    one, other = reply()[:16_000], reply()[:40_000]
    echo = mixed(
        through_room(one, delay_seconds=first, decibels=-10),
        through_room(other, delay_seconds=second, decibels=-10),
        OTHER_REPLY_AT,
    )
    listener = Listener("pcm_16000", "pcm_16000", VoiceActivity())
    listener.play(pcm(one))
    events: list[SpeechEvent] = []
    for number, message in enumerate(messages(echo)):
        if number == round(OTHER_REPLY_AT / MESSAGE_SECONDS):
            listener.play(pcm(other))
        events += listener.hear(message).events
    assert events == []
