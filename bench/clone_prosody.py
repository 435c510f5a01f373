"""Prosody of cloned voices compared with the recordings they were trained on."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.clone_samples import process
from echo_voice.cloning.prosody import Prosody, measure

Floats = NDArray[np.float32]
HEADINGS = (
    "Voice",
    *("Median pitch", "Error"),
    *("Pitch range", "Error"),
    *("Syllables per second", "Error"),
    *("Mean pause", "Error"),
    *("Deviation of the level", "Error"),
)


def prosody_rows(
    name: str,
    known: Sequence[Floats],
    spoken: Sequence[tuple[str, Sequence[Floats]]],
    texts: Sequence[str],
    hear: Callable[[Floats], str],
) -> Sequence[tuple[str, ...]]:
    """Compare voices' speech of `texts` at 16 kHz with a person's recordings, whose words a recogniser finds."""
    target = _measure(known, [hear(samples) for samples in known])
    rows = [_row(f"{name} recordings", target, None)]
    rows += [_row(f"{name} {voice}", _measure(speech, texts), target) for voice, speech in spoken]
    return rows


def _measure(speech: Sequence[Floats], texts: Sequence[str]) -> Prosody | None:
    return measure(speech, texts, [process(samples).rhythm for samples in speech])


def _row(name: str, found: Prosody | None, target: Prosody | None) -> tuple[str, ...]:
    if found is None:
        return (name, *[""] * (len(HEADINGS) - 1))
    errors = [""] * 5
    if target is not None:
        errors = [
            f"{12 * np.log2(found.pitch / target.pitch):+.2f} semitones",
            f"{found.spread / target.spread - 1:+.0%}",
            f"{found.rate / target.rate - 1:+.0%}",
            _difference(found.pause, target.pause, "s", 2),
            _difference(found.loudness, target.loudness, "dB", 1),
        ]
    figures = [
        f"{found.pitch:.0f} Hz",
        f"{found.spread:.1f} semitones",
        f"{found.rate:.1f}",
        "" if np.isnan(found.pause) else f"{found.pause:.2f} s",
        f"{found.loudness:.1f} dB",
    ]
    return (name, *[cell for pair in zip(figures, errors, strict=True) for cell in pair])


def _difference(found: float, target: float, unit: str, digits: int) -> str:
    difference = found - target
    return "" if np.isnan(difference) else f"{difference:+.{digits}f} {unit}"
