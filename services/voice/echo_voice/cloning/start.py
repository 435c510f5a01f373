"""Initialisation of training: a similar stock voice of about the same pitch, with the speaker's prosody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.style_file import TIMBRE
from echo_voice.cloning.decoder import UNCHANGED, PitchMap, ProsodyPredictor
from echo_voice.cloning.prosody import measure
from echo_voice.cloning.prosody_fit import fit
from echo_voice.cloning.stock import WHISPERING, stock_embeddings, stock_prosody
from echo_voice.domain.rhythm import Rhythm

Floats = NDArray[np.float32]
_FREE_SEMITONES = 3.0
_SEMITONE_COST = 0.03
"""Similarity that a semitone of distance beyond the free ones outweighs."""


@dataclass(frozen=True, slots=True)
class Start:
    """The initial voice: the stock voice whose timbre it has, its table (510, 256), the map of its pitch, and its rate."""

    stock: str
    table: Floats
    pitch: PitchMap = UNCHANGED
    rate: float = 1.0


def start(
    recordings: Sequence[Floats],
    target: Floats,
    voices: Mapping[str, Floats],
    predictor: ProsodyPredictor,
    transcripts: Sequence[str | None] = (),
    rhythms: Sequence[Rhythm | None] = (),
) -> Start:
    """Build the initial voice.

    The timbre is that of a similar stock voice: its embedding is near to `target`, its pitch near to the recordings', and it
    does not whisper. The prosody is fitted to the recordings. `voices` are tables by name; only voices with a known embedding
    are used.
    """
    known = {name: float(vector @ target) for name, vector in stock_embeddings().items() if name in voices}
    usable = {name: similarity for name, similarity in known.items() if name not in WHISPERING} or known
    prosody = measure(recordings, transcripts, rhythms)
    if prosody is None:
        nearest = max(usable, key=lambda name: usable[name])
        return Start(nearest, voices[nearest].copy())
    stock = stock_prosody()

    def suitability(name: str) -> float:
        semitones = 12 * abs(np.log2(stock[name].pitch / prosody.pitch))
        return usable[name] - _SEMITONE_COST * max(0.0, float(semitones) - _FREE_SEMITONES)

    chosen = max(usable, key=suitability)
    table = voices[chosen].copy()
    fitted = fit(prosody, usable, voices, predictor)
    table[:, TIMBRE:] = fitted.table
    return Start(chosen, table, fitted.pitch, fitted.rate)
