"""Initialisation of training: the most similar stock voice, at the speaker's pitch."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from echo_voice.cloning.decoder import Decoder
from echo_voice.cloning.pitch import median_pitch
from echo_voice.cloning.stock import stock_embeddings

Floats = NDArray[np.float32]
TIMBRE = 128
_CLOSE = 0.04


def start(
    recordings: Sequence[Floats], target: Floats, voices: Mapping[str, Floats], decoder: Decoder, tokens: Sequence[int]
) -> Floats:
    """Build the initial voice table (510, 256).

    The timbre is that of the most similar stock voice. The prosody is that of a stock voice with the speaker's pitch, or a mix
    of two. `voices` are tables by name; only voices with a known embedding are used.
    """
    known = {name: float(vector @ target) for name, vector in stock_embeddings().items() if name in voices}
    table = voices[max(known, key=lambda name: known[name])].copy()
    table[:, TIMBRE:] = _prosody(recordings, known, voices, decoder, tokens)
    return table


def _prosody(
    recordings: Sequence[Floats],
    known: Mapping[str, float],
    voices: Mapping[str, Floats],
    decoder: Decoder,
    tokens: Sequence[int],
) -> Floats:
    pitches = [pitch for pitch in map(median_pitch, recordings) if pitch is not None]
    height = float(np.mean(np.log(pitches))) if pitches else None
    if height is None:
        return voices[max(known, key=lambda name: known[name])][:, TIMBRE:]
    apart = {name: np.log(decoder.plan(tokens, voices[name][len(tokens) - 1]).pitch) - height for name in known}
    close = [name for name, distance in apart.items() if abs(distance) < _CLOSE]
    if close:
        return voices[max(close, key=lambda name: known[name])][:, TIMBRE:]
    nearest = min(apart, key=lambda name: abs(apart[name]))
    across = [name for name, distance in apart.items() if distance * apart[nearest] < 0]
    if not across:
        return voices[nearest][:, TIMBRE:]
    other = min(across, key=lambda name: abs(apart[name]))
    share = abs(apart[nearest]) / (abs(apart[nearest]) + abs(apart[other]))
    mixed = (1 - share) * voices[nearest][:, TIMBRE:] + share * voices[other][:, TIMBRE:]
    return np.asarray(mixed, np.float32)
