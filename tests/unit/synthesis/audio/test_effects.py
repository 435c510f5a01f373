"""Tests of volume, which is a factor without limiting."""

import numpy as np

from echo_synthesis.audio.effects import amplify
from echo_synthesis.audio.resample import Resampler


def test_volume_above_one_is_a_product() -> None:
    ramp = np.linspace(-1, 1, 2001, dtype=np.float32)
    np.testing.assert_allclose(amplify(ramp, 2.0), ramp * 2)


def test_volume_below_one_is_a_product_and_unit_volume_changes_nothing() -> None:
    ramp = np.linspace(-1, 1, 11, dtype=np.float32)
    np.testing.assert_allclose(amplify(ramp, 0.5), ramp * 0.5)
    assert amplify(ramp, 1.0) is ramp
    assert not amplify(ramp, 0.0).any()


def test_chunked_resampling_equals_whole_resampling() -> None:
    samples = np.sin(np.arange(22_050) * 0.05).astype(np.float32)
    pieces = Resampler(22_050, 48_000)
    whole = Resampler(22_050, 48_000)
    parted = np.concatenate([*(pieces.feed(part) for part in np.array_split(samples, 37)), pieces.close()])
    at_once = np.concatenate([whole.feed(samples), whole.close()])
    assert abs(len(parted) - 48_000) <= 1
    np.testing.assert_allclose(parted, at_once[: len(parted)], atol=1e-5)
