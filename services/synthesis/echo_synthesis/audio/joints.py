"""Joints of speech that was synthesised in two parts: silence of the engine at a joint is shortened."""

from dataclasses import replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from echo_synthesis.engine import Phone, Speech, WordTime

_FRAME_SECONDS: Final = 0.01
_SILENT: Final = 0.02
"""Level of silence, relative to the loudest frame: -34 dB."""
_KEPT_SECONDS: Final = 0.06
"""Silence kept on each side of a joint: together a short pause, as at the boundary of a phrase."""


def trim_joint(speech: Speech, side: Literal["start", "end"]) -> Speech:
    """Return speech with at most a short silence on one side; the times of its words move with the samples."""
    first, stop = _find_sound(speech.samples, speech.sample_rate)
    kept = round(_KEPT_SECONDS * speech.sample_rate)
    cut = (
        slice(max(0, first - kept), len(speech.samples)) if side == "start" else slice(0, min(len(speech.samples), stop + kept))
    )
    samples = speech.samples[cut]
    if len(samples) == len(speech.samples):
        return speech
    offset, duration = cut.start / speech.sample_rate, len(samples) / speech.sample_rate

    def moved(seconds: float) -> float:
        return min(max(0.0, seconds - offset), duration)

    return replace(
        speech,
        samples=samples,
        words=tuple(WordTime(moved(word.start), moved(word.end)) for word in speech.words),
        phones=tuple(
            tuple(Phone(phone.symbol, moved(phone.start), moved(phone.end)) for phone in phones) for phones in speech.phones
        ),
    )


def _find_sound(samples: NDArray[np.float32], rate: int) -> tuple[int, int]:
    """Return the first and the last sample of the audible frames; all samples of silence."""
    size = max(1, round(_FRAME_SECONDS * rate))
    count = len(samples) // size
    if not count:
        return 0, len(samples)
    levels = np.sqrt(np.mean(np.square(samples[: count * size].reshape(count, size)), axis=1))
    audible = np.flatnonzero(levels > _SILENT * levels.max())
    if not len(audible):
        return 0, len(samples)
    last = len(samples) if audible[-1] == count - 1 else (int(audible[-1]) + 1) * size
    return int(audible[0]) * size, last
