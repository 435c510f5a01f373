"""Rhythm of recordings; without pydantic, which the process that measures samples need not load."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Rhythm of a recording: seconds of speech without pauses, number of pauses, and their seconds in total."""

    speech_seconds: float
    pauses: int
    pause_seconds: float
