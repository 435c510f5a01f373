"""Validation of WAV headers, whose errors decoders accept or correct silently."""

import struct
from pathlib import Path

_UNKNOWN = {0, 0xFFFFFFFF, 0x7FFFFFFF}
"""Data sizes that streaming writers use as placeholders."""
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_MOST_CHUNKS = 64


def check_wav(path: Path) -> str | None:
    """Return a sentence that describes the header's error, or None for a valid header."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) == b"RF64":
            return None
        file.seek(12)
        form: tuple[int, int, int, int, int, int] | None = None
        for _ in range(_MOST_CHUNKS):
            head = file.read(8)
            if len(head) < 8:
                break
            name, length = struct.unpack("<4sI", head)
            if name == b"fmt ":
                block = file.read(16)
                if len(block) < 16 or length < 16:
                    return "The WAV header is damaged."
                form = struct.unpack("<HHIIHH", block)
                length -= 16
            elif name == b"data":
                return _check(form, length, size - file.tell())
            file.seek(length + length % 2, 1)
    return "The WAV file holds no sound."


def _check(form: tuple[int, int, int, int, int, int] | None, declared: int, there: int) -> str | None:
    if form is None:
        return "The WAV header is damaged."
    kind, channels, rate, bytes_a_second, block, bits = form
    if kind in {_PCM, _FLOAT, _EXTENSIBLE} and (block != channels * ((bits + 7) // 8) or bytes_a_second != rate * block):
        return "The WAV header contradicts itself about sample rate, channels or sample size: export the recording again."
    if declared not in _UNKNOWN and declared > there:
        return f"The WAV file is cut short: its header speaks of {declared} bytes of sound, {there} are there."
    return None
