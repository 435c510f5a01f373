"""Look-ahead limiter: true peaks stay below full scale, quieter audio stays bit-identical."""

import numpy as np
from numpy.typing import NDArray

CEILING = 10 ** (-1 / 20)
"""Maximum true peak: -1 dBFS. Audio below it is not changed."""

_AIM = 10 ** (-1.1 / 20)
"""Target peak of louder audio; the difference to `CEILING` is headroom for a gain that changes between two samples."""

_HALF = np.array(
    [
        (0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625),
        (-0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250),
        (-0.0189208984375, 0.0330810546875, -0.0582275390625, 0.1015625000000, -0.2003173828125, 0.7797851562500),
        (-0.0083007812500, 0.0148925781250, -0.0266113281250, 0.0476074218750, -0.1022949218750, 0.9721679687500),
    ],
    np.float64,
)
_TAPS = np.concatenate([_HALF, _HALF[::-1, ::-1]], axis=1)
"""Interpolation filter of ITU-R BS.1770-4, Annex 2: four positions between two samples, from six samples on each side."""

_WIDTH: int = _TAPS.shape[1]
_REACH = _WIDTH // 2
_HARMLESS = CEILING / float(np.abs(_TAPS).sum(axis=1).max())
"""Sample level below which no interpolated value exceeds the ceiling."""

_ATTACK_SECONDS = 0.005
_RELEASE_PER_SECOND = 4.0
"""Release speed of the gain, in units of full gain per second."""

_UNIT = 1 << 32
"""Steps of a gain reduction from 0 to 1: integer sums are exact, however a stream is split."""


class Limiter:
    """A streaming limiter for mono audio: it reduces the gain smoothly ahead of each peak, so that none exceeds `CEILING`.

    The output has as many samples as the input, `delay` samples late. It depends on the samples alone, not on their split into
    calls.

    Each true peak requires a gain reduction. The reduction decays slowly (release), applies to all samples within reach of the
    interpolator and the smoothing (a sliding maximum), and is smoothed by two moving averages. Every term of the average at a
    peak is at least the required reduction, and so is the average.
    """

    def __init__(self, sample_rate: int) -> None:
        self._average: int = max(2, round(sample_rate * _ATTACK_SECONDS / 2))
        self._attack: int = 2 * self._average - 1
        self._hold: int = self._attack + _WIDTH
        self._fall = max(1, round(_RELEASE_PER_SECOND / sample_rate * _UNIT))
        self._recent = np.zeros(_WIDTH, np.float32)
        self._reductions = np.zeros(self._attack - 1, np.int64)
        self._waiting = np.zeros(0, np.float32)

    @property
    def delay(self) -> int:
        """Delay of the output, in samples."""
        return self._hold - 1

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Process any number of samples and return the output available so far."""
        self._waiting = np.concatenate([self._waiting, samples])
        return self._advance(samples)

    def close(self) -> NDArray[np.float32]:
        """Return the remaining samples. Do not call `feed` afterwards."""
        return self._advance(np.zeros(self.delay, np.float32))

    def _advance(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        recent = np.concatenate([self._recent, samples])
        self._recent = recent[len(samples) :].copy()  # a view would keep the whole array in memory
        reductions = np.concatenate([self._reductions, self._released(_needed(recent))])
        count = max(0, len(reductions) - self._hold - self._attack + 2)
        self._reductions = reductions[count:].copy()
        ready, self._waiting = self._waiting[:count], self._waiting[count:].copy()
        if not count or not reductions.any():
            return ready
        held = _sliding_maximum(reductions, self._hold)
        total = _sliding_sum(_sliding_sum(held, self._average), self._average)
        gain = 1.0 - total / (float(self._average) ** 2 * _UNIT)
        return (ready * gain).astype(np.float32)

    def _released(self, needed: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the required reductions, raised to those that earlier peaks still release."""
        last = int(self._reductions[-1])
        if not last and not needed.any():
            return needed
        fallen = self._fall * np.arange(1, len(needed) + 1)
        left = np.maximum(np.maximum.accumulate(needed + fallen), last) - fallen
        return np.asarray(np.maximum(left, 0), np.int64)


def _needed(samples: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the reduction that each sample requires, except the outer samples, which only the interpolator reads."""
    size = np.abs(samples)
    needed = np.zeros(len(samples) - _WIDTH, np.int64)
    if not len(needed) or size.max() <= _HARMLESS:
        return needed
    places = np.flatnonzero(_sliding_maximum(size, _WIDTH) > _HARMLESS)
    near = [samples[places + tap] for tap in range(_WIDTH)]
    between = np.zeros(len(samples) - _WIDTH + 1, np.float32)
    # sum term by term: a matrix product may round differently for another number of rows
    for taps in _TAPS.astype(np.float32):
        total = near[0] * taps[0]
        for tap in range(1, _WIDTH):
            total += near[tap] * taps[tap]
        between[places] = np.maximum(between[places], np.abs(total))
    peaks = np.maximum(size[_REACH:-_REACH], np.maximum(between[:-1], between[1:]))
    loud = np.flatnonzero(peaks > CEILING)
    needed[loud] = np.ceil((1.0 - _AIM / peaks[loud].astype(np.float64)) * _UNIT)
    return needed


def _sliding_maximum(values: NDArray[np.int64] | NDArray[np.float32], width: int) -> NDArray[np.int64]:
    """Return the maximum of every `width` adjacent values."""
    reach = 1
    while 2 * reach <= width:
        values = np.maximum(values[:-reach], values[reach:])
        reach *= 2
    rest = width - reach
    return np.maximum(values[: len(values) - rest], values[rest:])


def _sliding_sum(values: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Return the sum of every `width` adjacent values."""
    sums = np.concatenate([[0], np.cumsum(values)])
    return np.asarray(sums[width:] - sums[:-width], np.int64)
