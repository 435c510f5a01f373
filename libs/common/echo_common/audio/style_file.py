"""Files of Kokoro voices: built-in, cloned and mixed. The voice service writes them, the synthesis service reads them.

A built-in voice is a plain table of float32. Voices made here are NumPy archives (`.npz`) of the table and the adaptation.
"""

from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

ROWS: Final = 510
"""Rows of a table: one for each number of tokens."""

STYLE: Final = 256
"""Numbers of a row."""

TIMBRE: Final = 128
"""Numbers of a row for the timbre, before those for the prosody."""

MODULATION: Final = 37_396
"""Number of scales and shifts that the timbre sets in the decoder (its adaptive instance normalisation)."""

PITCH_SCALES: Final = (0.25, 4.0)
PITCH_SHIFTS: Final = (-600.0, 600.0)
"""Limits of `VoiceStyle.pitch_scale` and `VoiceStyle.pitch_shift`."""

_RATES: Final = (0.5, 2.0)
_LARGEST_VALUE: Final = 100.0
_LARGEST_FILE: Final = 2 << 20


class StyleFileError(ValueError):
    """A file that is not the style of a voice, or has values that no voice has."""


@dataclass(frozen=True, slots=True)
class VoiceStyle:
    """The style of a voice: what it adds to the text.

    `table`: styles by the number of tokens, (510, 256). `pitch_scale`, `pitch_shift`: affine map of the predicted pitch of voiced
    frames, `scale * f + shift` in Hz. `rate`: factor of the speaking rate. `accent`: BCP-47 tag of the English pronunciation.
    `modulation`: offsets of the decoder's scales and shifts, (37396,), or empty.
    """

    table: NDArray[np.float32]
    pitch_scale: float = 1.0
    pitch_shift: float = 0.0
    rate: float = 1.0
    accent: str = "en-US"
    modulation: NDArray[np.float16] = field(default_factory=lambda: np.zeros(0, np.float16))

    def __post_init__(self) -> None:
        """Check the values. Raises `StyleFileError`."""
        if self.table.shape != (ROWS, STYLE):
            raise StyleFileError(f"The table has the shape {self.table.shape} instead of ({ROWS}, {STYLE}).")
        if self.modulation.shape not in {(0,), (MODULATION,)}:
            raise StyleFileError(f"The modulation has the shape {self.modulation.shape} instead of ({MODULATION},).")
        for name, array, kind in (("table", self.table, np.float32), ("modulation", self.modulation, np.float16)):
            if array.dtype != kind:
                raise StyleFileError(f"The {name} has numbers of the type {array.dtype}.")
            # in this form, a NaN is refused, too
            if not (np.abs(array) <= _LARGEST_VALUE).all():
                raise StyleFileError(f"The {name} has values beyond {_LARGEST_VALUE:g}.")
        limits = (("pitch_scale", PITCH_SCALES), ("pitch_shift", PITCH_SHIFTS), ("rate", _RATES))
        for name, (low, high) in limits:
            if not low <= getattr(self, name) <= high:
                raise StyleFileError(f"{name} is {getattr(self, name)}, not between {low:g} and {high:g}.")
        if self.accent not in {"en-US", "en-GB"}:
            raise StyleFileError(f"{self.accent!r} is not an accent.")

    def save(self, path: Path) -> None:
        """Write the style as an archive."""
        with path.open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                table=self.table.astype("<f4"),
                numbers=np.array([self.pitch_scale, self.pitch_shift, self.rate], "<f8"),
                accent=np.frombuffer(self.accent.encode(), np.uint8),
                modulation=self.modulation.astype("<f2"),
            )


def read_style(path: Path) -> VoiceStyle:
    """Read a plain table or an archive. Raises `StyleFileError`."""
    if path.stat().st_size > _LARGEST_FILE:
        raise StyleFileError("The file is too large for a style.")
    content = path.read_bytes()
    if len(content) == ROWS * STYLE * 4:
        return VoiceStyle(np.frombuffer(content, "<f4").reshape(ROWS, STYLE))
    try:
        with ZipFile(BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > _LARGEST_FILE:
                raise StyleFileError("The file is too large for a style.")
        with np.load(BytesIO(content), allow_pickle=False) as stored:
            scale, shift, rate = (float(number) for number in stored["numbers"])
            accent = stored["accent"].tobytes().decode()
            return VoiceStyle(stored["table"], scale, shift, rate, accent, stored["modulation"])
    except StyleFileError:
        raise
    except Exception as error:  # of many types: damage may reach the parser of headers and each decompressor
        raise StyleFileError("The file is not the style of a voice.") from error


def read_builtin_style(path: Path) -> VoiceStyle:
    """Read the table of a built-in voice: its name, that of the file, tells its accent. Raises `StyleFileError`."""
    return replace(read_style(path), accent="en-GB" if path.stem.startswith("b") else "en-US")
