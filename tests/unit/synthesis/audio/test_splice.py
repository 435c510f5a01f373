"""A part of a lossless file is replaced, sample by sample."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from echo_common.audio.encoding import FULL_SCALE
from echo_common.audio.formats import FORMATS
from echo_synthesis.audio.encode import MasteredEncoder
from echo_synthesis.audio.splice import read_samples, splice

RATE = 24_000
LOSSLESS = sorted(name for name, audio in FORMATS.items() if audio.lossless)


def encoded(path: Path, samples: NDArray[np.float32], name: str) -> Path:
    encoder = MasteredEncoder(path, FORMATS[name], RATE)
    encoder.feed(samples)
    encoder.close()
    return path


def noise(length: int, seed: int) -> NDArray[np.float32]:
    values = np.random.default_rng(seed).integers(-FULL_SCALE, FULL_SCALE + 1, length)
    return values.astype(np.float32) / np.float32(FULL_SCALE)


def test_lossless_formats_are_wav_flac_and_pcm() -> None:
    assert LOSSLESS == ["flac", "pcm", "wav"]


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize(
    ("start", "end"), [(0, 0), (0, 9_000), (0, None), (4_096, 8_192), (5_000, 5_001), (30_000, 50_000), (50_000, None)]
)
def test_samples_outside_the_part_stay_as_they_are(tmp_path: Path, name: str, start: int, end: int | None) -> None:
    samples, new = noise(50_000, 1), noise(777, 2)
    source = encoded(tmp_path / "source", samples, name)
    encoder = MasteredEncoder(tmp_path / "spliced", FORMATS[name], RATE, copy=tmp_path / "copy")
    count = splice(read_samples(source, FORMATS[name], RATE), new, start, end, encoder)
    encoder.close()

    expected = np.concatenate([samples[:start], new, samples[50_000 if end is None else end :]])
    assert count == len(expected)
    for path, read_as in ((tmp_path / "spliced", name), (tmp_path / "copy", "flac")):
        assert np.array_equal(np.concatenate(list(read_samples(path, FORMATS[read_as], RATE))), expected)
