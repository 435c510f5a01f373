"""Replacement of a part of a lossless file, sample by sample."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from echo_common.audio.encoding import FULL_SCALE
from echo_common.audio.formats import AudioFormat
from echo_synthesis.audio.encode import MasteredEncoder

_RAW = {"s16le": "s16le"}
"""Demuxers of files without a header, by container; those of other files are found by their content."""


def read_samples(path: Path, audio: AudioFormat, rate: int) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of a lossless mono file that was encoded here, block by block.

    Encoded again without another effect, they give the same 16-bit samples. `rate` is the codec's rate in Hz.
    """
    demuxer = _RAW.get(audio.container)
    options = {"sample_rate": str(rate)} if demuxer else {}
    with av.open(str(path), "r", format=demuxer, options=options) as container:
        for frame in container.decode(audio=0):
            yield frame.to_ndarray().ravel().astype(np.float32) / np.float32(FULL_SCALE)


def splice(
    blocks: Iterator[NDArray[np.float32]],
    replacement: NDArray[np.float32],
    start: int,
    end: int | None,
    encoder: MasteredEncoder,
) -> int:
    """Encode the blocks with the samples `[start, end)` replaced; without `end`, all from `start` on.

    Returns:
        The number of samples encoded.
    """
    position = encoded = 0
    inserted = False

    def encode(samples: NDArray[np.float32]) -> None:
        nonlocal encoded
        encoder.feed(samples)
        encoded += len(samples)

    for block in blocks:
        stop = position + len(block)
        encode(block[: max(0, start - position)])
        if not inserted and stop >= start:
            encode(replacement)
            inserted = True
        if end is not None:
            encode(block[max(0, end - position) :])
        position = stop
    if not inserted:
        encode(replacement)
    return encoded
