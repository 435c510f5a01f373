"""Tests of the measurement of loudness."""

from fractions import Fraction

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from echo_common.audio.loudness import measure_loudness

RATE = 24_000


def tone(level: float, hertz: float = 997.0, seconds: float = 3.0, rate: int = RATE) -> NDArray[np.float32]:
    """Return a sine with its peak at `level` dBFS."""
    return (10 ** (level / 20) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 48_000])
def test_a_sine_has_the_loudness_of_the_recommendation(rate: int) -> None:
    assert measure_loudness(tone(-20.0, rate=rate), rate) == pytest.approx(-23.0, abs=0.1)


def test_low_tones_weigh_less_and_high_tones_more() -> None:
    low, middle, high = (measure_loudness(tone(-20.0, hertz), RATE) for hertz in (40.0, 997.0, 4_000.0))
    assert low is not None
    assert middle is not None
    assert high is not None
    assert low < middle - 3
    assert high == pytest.approx(middle + 3.3, abs=0.5)


def test_pauses_do_not_affect_measure_loudness() -> None:
    sound, silence = tone(-20.0), np.zeros(RATE * 10, np.float32)
    assert measure_loudness(np.concatenate([silence, sound, silence]), RATE) == pytest.approx(-23.0, abs=0.5)


@pytest.mark.parametrize("samples", [np.zeros(0, np.float32), np.zeros(RATE, np.float32), np.zeros(1, np.float32)])
def test_silence_has_no_loudness(samples: NDArray[np.float32]) -> None:
    assert measure_loudness(samples, RATE) is None


def test_short_words_have_a_measure_loudness() -> None:
    assert measure_loudness(tone(-20.0, seconds=0.15), RATE) == pytest.approx(-23.0, abs=0.3)


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_loudness_is_that_of_ffmpeg(rate: int) -> None:
    generator = np.random.default_rng(1)
    envelope = np.repeat(generator.uniform(0, 0.5, 20), rate // 2)  # phrases and pauses
    speech = (envelope * generator.standard_normal(len(envelope)) * 0.2).astype(np.float32)
    assert measure_loudness(speech, rate) == pytest.approx(ebur128(speech, rate), abs=0.2)


def ebur128(samples: NDArray[np.float32], rate: int) -> float:
    """Return the integrated loudness as FFmpeg measures it."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="flt", layout="mono", time_base=Fraction(1, rate))
    meter, sink = graph.add("ebur128", "metadata=1:framelog=quiet"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate = rate
    graph.push(frame)
    graph.push(None)
    found = -70.0
    while True:
        try:
            found = float(graph.pull().metadata.get("lavfi.r128.I", found))
        except (BlockingIOError, EOFError):
            return found
