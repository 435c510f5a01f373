"""Timbre of cloned and mixed voices in other languages: a part of it is that of a built-in voice of the language.

Clones are trained on English sentences, and many sounds of other languages become unclear with their timbre alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.style_file import TIMBRE, VoiceStyle, read_style

NATIVE_VOICES: Final[Mapping[str, Sequence[str]]] = {
    "es": ("ef_dora", "em_alex"),
    "fr": ("ff_siwis",),
    "hi": ("hf_alpha", "hf_beta", "hm_omega", "hm_psi"),
    "it": ("if_sara", "im_nicola"),
    "pt-br": ("pf_dora", "pm_alex"),
}
"""Built-in voices that speak a language natively, by espeak's name of it."""

_SHARE: Final = np.float32(0.25)
"""Share of the built-in voice's timbre; with more, the voice is less like its speaker. See the findings in README.md."""


def add_native_timbre(style: VoiceStyle, language: str, voices: Path) -> VoiceStyle:
    """Return a voice for a language of espeak: with a part of the timbre of the native voice that is nearest to its own.

    Its pitch, its rhythm and its adaptation of the decoder stay. `voices` is the folder of the built-in voices' tables. A voice
    stays as it is for English, or if the files of the native voices are missing.
    """
    name = nearest_native(style, language, voices)
    if name is None:
        return style
    table = style.table.copy()
    table[:, :TIMBRE] += _SHARE * (_timbre(voices / f"{name}.bin") - table[:, :TIMBRE])
    return replace(style, table=table)


def nearest_native(style: VoiceStyle, language: str, voices: Path) -> str | None:
    """Return the native voice of a language whose timbre is nearest to a voice's; None if there is none."""
    own = style.table[:, :TIMBRE]
    paths = [voices / f"{name}.bin" for name in NATIVE_VOICES.get(language, ())]
    distances = {path.stem: float(np.linalg.norm(_timbre(path) - own)) for path in paths if path.exists()}
    return min(distances, key=lambda name: distances[name], default=None)


def _timbre(path: Path) -> NDArray[np.float32]:
    return read_style(path).table[:, :TIMBRE]
