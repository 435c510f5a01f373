"""No true peak exceeds -1 dBFS, and quieter audio is unchanged."""

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from echo_common.audio.formats import FORMATS
from echo_synthesis.audio.effects import amplify
from echo_synthesis.audio.encode import Encoder
from echo_synthesis.audio.limiter import Limiter
from tests.support.sound import decode

Samples = NDArray[np.float32]
CEILING = 10 ** (-1 / 20)
RATES = st.sampled_from([8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
SEEDS = st.integers(0, 2**32 - 1)

# ITU-R BS.1770-4, Annex 2: the filter of order 48 for four times oversampling, written out, for a meter of our own
PHASE_0 = (
    *(0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625),
    *(0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250, 0.0148925781250, -0.0083007812500),
)
PHASE_1 = (
    *(-0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250),
    *(0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625, 0.0330810546875, -0.0189208984375),
)


def true_peak(samples: Samples) -> float:
    """Measure the true peak by ITU-R BS.1770-4, including the samples."""
    phases = (PHASE_0, PHASE_1, PHASE_1[::-1], PHASE_0[::-1])
    between = [np.abs(np.convolve(samples.astype(np.float64), phase)).max() for phase in phases]
    return float(max(np.abs(samples).max(), *between))


def limited(pieces: Iterable[Samples], rate: int) -> Samples:
    limiter = Limiter(rate)
    return np.concatenate([*(limiter.feed(piece) for piece in pieces), limiter.close()])


def noise(seed: int, count: int, peak: float) -> Samples:
    return np.random.default_rng(seed).uniform(-peak, peak, count).astype(np.float32)


def voiced(seed: int, rate: int, peak: float) -> Samples:
    """Return pulses through resonances, with pauses and peaks like a voice."""
    random = np.random.default_rng(seed)
    pulses = np.zeros(rate)
    pulses[:: round(rate / random.uniform(80, 300))] = 1
    times = np.arange(rate // 20) / rate
    ring = sum(np.exp(-times * 120) * np.sin(2 * np.pi * hertz * times) for hertz in random.uniform(200, rate / 3, 3))
    shape = np.repeat(random.uniform(0, 1, 20), -(-rate // 20))[:rate]
    samples = np.convolve(pulses, ring)[:rate] * shape
    return np.asarray(samples / max(np.abs(samples).max(), 1e-9) * peak, np.float32)


SIGNALS = st.one_of(
    st.builds(lambda seed, peak: noise(seed, 6_000, peak), SEEDS, st.floats(0.1, 5)),
    st.builds(lambda seed, peak: voiced(seed, 6_000, peak), SEEDS, st.floats(0.1, 5)),
    st.builds(lambda level: np.full(6_000, level, np.float32), st.floats(-5, 5)),
    st.builds(lambda seed: (noise(seed, 6_000, 4) * (noise(seed + 1, 6_000, 1) > 0.98)).astype(np.float32), SEEDS),
    st.builds(lambda turns: (2 * np.sign(np.sin(np.arange(6_000) * turns))).astype(np.float32), st.floats(0.001, 3.1)),
)


@settings(max_examples=60, deadline=None)
@given(SIGNALS, RATES)
def test_no_true_peak_exceeds_the_ceiling(samples: Samples, rate: int) -> None:
    result = limited([samples], rate)
    assert len(result) == len(samples)
    assert true_peak(result) <= CEILING


@settings(max_examples=40, deadline=None)
@given(SEEDS, RATES, st.floats(0.05, 0.999))
def test_audio_below_the_ceiling_is_unchanged(seed: int, rate: int, level: float) -> None:
    samples = voiced(seed, rate, 1.0)
    quiet = (samples * np.float32(level * CEILING / true_peak(samples))).astype(np.float32)
    assert np.array_equal(limited([quiet], rate), quiet)


@settings(max_examples=40, deadline=None)
@given(SIGNALS, RATES, st.lists(st.integers(0, 6_000), max_size=8))
def test_the_limiter_is_independent_of_chunking(samples: Samples, rate: int, cuts: Sequence[int]) -> None:
    assert np.array_equal(limited(np.split(samples, sorted(cuts)), rate), limited([samples], rate))


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(1.0, 2.0))
def test_louder_speech_is_limited_without_a_click(seed: int, volume: float) -> None:
    rate = 24_000
    loud = amplify(voiced(seed, rate, 1.2), volume)
    result = limited([loud], rate)
    assert true_peak(result) <= CEILING
    heard = np.abs(loud) > 1e-3
    gain = result[heard] / loud[heard]
    places = np.flatnonzero(heard)
    assert gain.max() <= 1 + 1e-6
    # the whole way down takes 5 ms: so much a sample at most, twice as much in the middle
    assert (np.abs(np.diff(gain)) / np.diff(places)).max() <= 2 / (0.005 * rate)


def test_peaks_are_reduced_in_advance_and_quiet_speech_is_kept() -> None:
    rate = 24_000
    samples = (0.3 * np.sin(np.arange(3 * rate) / 9)).astype(np.float32)
    samples[rate : rate + 200] *= 4
    result = limited([samples], rate)
    assert true_peak(result) <= CEILING
    assert np.array_equal(result[: rate - rate // 100], samples[: rate - rate // 100])
    assert np.array_equal(result[2 * rate :], samples[2 * rate :])


def test_the_limiter_delays_a_stream_by_at_most_six_milliseconds() -> None:
    for rate in (8_000, 24_000, 48_000):
        limiter = Limiter(rate)
        assert len(limiter.feed(np.zeros(rate, np.float32))) == rate - limiter.delay
        assert limiter.delay <= 0.005 * rate + 12


def test_empty_input_gives_empty_output() -> None:
    limiter = Limiter(24_000)
    assert not len(limiter.feed(np.zeros(0, np.float32)))
    assert not len(limiter.close())


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("name", ["wav", "flac", "pcm"])
def test_decoded_audio_stays_below_the_ceiling(name: str, rate: int) -> None:
    # Kokoro's peaks at 1.2 of full scale, at twice the volume, resampled
    encoder = Encoder(FORMATS[name], rate, source_rate=24_000)
    data = encoder.feed(amplify(voiced(7, 24_000, 1.2), 2.0)) + encoder.close()
    heard, _ = decode(data, name, rate)
    assert 0.8 < true_peak(heard) <= CEILING + 1 / 32_768
