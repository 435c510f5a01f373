"""The watermark survives codecs, resampling and volume changes, is not found elsewhere, and spares silence."""

from collections.abc import Callable

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from echo_common.audio.formats import FORMATS
from echo_synthesis.audio.decode import decode
from echo_synthesis.audio.encode import Encoder
from echo_synthesis.audio.watermark import (
    DETECTION_RATE,
    WatermarkDetector,
    Watermarker,
    WatermarkPattern,
    detection_threshold,
    to_detection_rate,
)
from tests.support.recordings import RATE, spoken

Floats = NDArray[np.float32]
PATTERN, OTHER = WatermarkPattern.of(b"a" * 32), WatermarkPattern.of(b"b" * 32)
EXCERPT = slice(2 * RATE + 777, 5 * RATE + 777)
"""Three seconds, which start within a block."""


def marked(samples: Floats, rate: int = RATE, calls: int = 1) -> Floats:
    marker = Watermarker(PATTERN, rate)
    return np.concatenate([*(marker.feed(part) for part in np.array_split(samples, calls)), marker.close()])


def search(samples: Floats, rate: int = RATE, pattern: WatermarkPattern = PATTERN) -> WatermarkDetector:
    detector = WatermarkDetector(pattern)
    detector.feed(to_detection_rate(samples, rate))
    detector.close()
    return detector


def coded(name: str) -> Callable[[Floats], tuple[Floats, int]]:
    def convert(samples: Floats) -> tuple[Floats, int]:
        encoder = Encoder(FORMATS[name], RATE)
        return decode(encoder.feed(samples) + encoder.close(), FORMATS[name].mime)

    return convert


def resampled(rate: int) -> Callable[[Floats], tuple[Floats, int]]:
    return lambda samples: (soxr.resample(samples, RATE, rate), rate)


def noisy(samples: Floats) -> tuple[Floats, int]:
    """Add noise 20 dB below the speech."""
    level = 0.1 * float(np.sqrt(np.mean(samples**2)))
    return samples + np.random.default_rng(1).normal(0, level, len(samples)).astype(np.float32), RATE


CHANGES = {
    "none": lambda samples: (samples, RATE),
    "MP3 64 kbit/s": coded("mp3"),
    "AAC 64 kbit/s": coded("aac"),
    "Opus 48 kbit/s": coded("ogg"),
    "44.1 kHz": resampled(44_100),
    "16 kHz": resampled(16_000),
    "8 kHz": resampled(8_000),
    "-12 dB": lambda samples: (samples * np.float32(10 ** (-12 / 20)), RATE),
    "+12 dB, clipped": lambda samples: (np.clip(samples * np.float32(10 ** (12 / 20)), -1, 1), RATE),
    "noise": noisy,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_three_seconds_are_recognised_after(change: Callable[[Floats], tuple[Floats, int]]) -> None:
    changed, rate = change(marked(spoken())[EXCERPT])
    assert search(changed, rate).found


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 44_100])
def test_speech_of_every_engine_rate_is_recognised(rate: int) -> None:
    speech = np.asarray(soxr.resample(spoken(), RATE, rate), np.float32)
    assert search(marked(speech, rate)[2 * rate : 5 * rate], rate).found


def test_three_seconds_from_two_streams_are_recognised() -> None:
    ends, begins = marked(spoken())[: -RATE // 2][-3 * RATE // 2 :], marked(spoken(voice="en-gb"))[: 3 * RATE // 2]
    assert search(np.concatenate([ends, begins])).found


def test_marked_speech_in_a_long_recording_is_recognised() -> None:
    clean = np.tile(spoken(), 3)
    assert search(np.concatenate([clean, marked(spoken())[: 6 * RATE], clean])).found


def test_another_installation_does_not_recognise_it() -> None:
    assert not search(marked(spoken()), pattern=OTHER).found


def test_clean_recordings_are_not_recognised() -> None:
    """The scores of 300 excerpts stay as far below the threshold as those of chance."""
    generator = np.random.default_rng(1)
    voices = [to_detection_rate(spoken(voice=voice), RATE) for voice in ("en-us", "en-gb", "de")]
    length = 3 * DETECTION_RATE
    scores = []
    for number in range(300):
        voice = voices[number % 3]
        start = int(generator.integers(len(voice) - length))
        excerpt = voice[start : start + length]
        if number % 4 == 0:
            excerpt = generator.normal(0, 0.1, length).astype(np.float32)
        elif number % 4 == 1:
            hertz = generator.uniform(80, 800, (4, 1)) * np.arange(1, 9)[:, None, None]
            excerpt = np.sin(2 * np.pi * hertz * np.arange(length) / DETECTION_RATE).mean(axis=(0, 1)).astype(np.float32)
        detector = search(excerpt, DETECTION_RATE)
        assert not detector.found
        scores.append(detector.score)
    assert max(scores) < detection_threshold(1) - 1


def test_change_is_small_and_the_length_stays() -> None:
    speech = spoken()
    change = marked(speech) - speech
    assert len(change) == len(speech)
    assert 0 < np.sum(change**2) < 0.01 * np.sum(speech**2)


def test_result_does_not_depend_on_the_split_into_calls() -> None:
    assert np.array_equal(marked(spoken()), marked(spoken(), calls=97))


def test_at_most_two_blocks_are_held_back() -> None:
    marker = Watermarker(PATTERN, RATE)
    fed = given = 0
    for part in np.array_split(spoken(), 50):
        fed, given = fed + len(part), given + len(marker.feed(part))
        assert 0 <= fed - given <= 0.064 * RATE


@pytest.mark.parametrize("volume", [2e-4, 5e-5])
def test_speech_at_a_tiny_volume_is_recognised_after_its_amplification(volume: float) -> None:
    samples, rate = coded("aac")(marked(spoken() * np.float32(volume)))
    assert search(samples / np.float32(volume), rate).found


def test_silence_is_unchanged() -> None:
    silence = np.zeros(RATE, np.float32)
    assert np.array_equal(marked(silence), silence)
    between = marked(np.concatenate([spoken(), silence, spoken()]))[len(spoken()) :][: len(silence)]
    assert not between[RATE // 10 : -RATE // 10].any()


def test_speech_shorter_than_a_block_keeps_its_length() -> None:
    for length in (0, 1, 500, 767, 768, 769):
        assert len(marked(np.ones(length, np.float32))) == length
        assert not search(np.ones(length, np.float32)).found
