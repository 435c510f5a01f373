"""Endpointing: start, end and audio of utterances."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from echo_voice.talk.detector import CHUNK_SAMPLES, CHUNK_SECONDS, SpeechDetector, SpeechEnded, SpeechStarted, VoiceActivity


@dataclass
class Loudspeaker:
    """A loudspeaker whose echo is as the test says."""

    playing: bool = False
    echo: bool = False

    def explains(self) -> bool:
        return self.echo


class Loudness:
    """A model of voice activity for which loud chunks are speech."""

    def __call__(self, audio: bytes) -> float:
        return float(np.abs(np.frombuffer(audio, "<i2")).max()) / 32767


def sound(*parts: tuple[float, int]) -> np.ndarray:
    return np.concatenate([np.full(count * CHUNK_SAMPLES, level, np.float32) for level, count in parts])


def detector(loudspeaker: Loudspeaker | None = None, **options: float) -> SpeechDetector:
    return SpeechDetector(VoiceActivity(**options), loudspeaker or Loudspeaker(), Loudness())


def started(detecting: SpeechDetector, chunks: Iterable[float]) -> int | None:
    """Return the number of chunks until speech has started."""
    for number, level in enumerate(chunks, 1):
        if detecting.feed(sound((level, 1))):
            return number
    return None


def test_speech_starts_after_a_tenth_of_a_second() -> None:
    assert started(detector(), [0, 0, 0.9, 0.9, 0.9, 0.9]) == 5


def test_a_click_is_not_speech() -> None:
    assert started(detector(), [0.9, 0.9, 0, 0.9, 0.9, 0]) is None


def test_an_utterance_contains_the_time_before_its_detection_and_a_short_silence_after_it() -> None:
    events = detector().feed(sound((0.1, 30), (0.9, 20), (0.2, 30)))
    assert events[0] == SpeechStarted()
    ended = events[1]
    assert isinstance(ended, SpeechEnded)
    assert [float(np.count_nonzero(np.isclose(ended.samples, level))) / CHUNK_SAMPLES for level in (0.1, 0.9, 0.2)] == [
        10,
        20,
        6,
    ]
    assert len(events) == 2


def test_a_pause_shorter_than_the_limit_does_not_end_an_utterance() -> None:
    pause = round(0.6 / CHUNK_SECONDS) - 1
    events = detector().feed(sound((0.9, 10), (0, pause), (0.9, 10), (0, 30)))
    assert events[0] == SpeechStarted()
    assert [len(event.samples) // CHUNK_SAMPLES for event in events[1:] if isinstance(event, SpeechEnded)] == [20 + pause + 6]


def test_the_silence_that_ends_an_utterance_is_an_option() -> None:
    events = detector(silence_seconds=0.2).feed(sound((0.9, 10), (0, 8), (0.9, 10), (0, 8)))
    assert len(events) == 4


def test_a_long_utterance_is_ended_at_the_limit() -> None:
    events = detector(longest_seconds=2.0).feed(sound((0.9, 100)))
    ended = [event for event in events if isinstance(event, SpeechEnded)]
    assert len(ended[0].samples) / 16_000 <= 2.0 + CHUNK_SECONDS


def test_sound_that_echo_explains_is_not_speech_while_the_loudspeaker_plays() -> None:
    assert started(detector(Loudspeaker(playing=True, echo=True)), [0.9] * 20) is None
    assert started(detector(Loudspeaker(playing=False, echo=True)), [0.9] * 20) == 3


def test_speech_over_a_reply_starts_within_200_milliseconds() -> None:
    chunks = started(detector(Loudspeaker(playing=True)), [0.9] * 20)
    assert chunks is not None
    assert chunks * CHUNK_SECONDS <= 0.2


def test_the_utterance_so_far_is_known() -> None:
    detecting = detector()
    lengths = []
    for _ in range(3):
        so_far = detecting.utterance
        lengths.append(0 if so_far is None else len(so_far) // CHUNK_SAMPLES)
        detecting.feed(sound((0.9, 10)))
    assert lengths == [0, 10, 20]
