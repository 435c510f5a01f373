"""Audio that can be rated."""

from dataclasses import dataclass, replace
from typing import Final

from echo_common.errors import refuse
from echo_feedback.domain.ratings import Opinion

_PADDING_SECONDS: Final = 0.5
"""Seconds that a codec adds at most: AAC three frames of 1,024 samples, at 8 kHz or more."""


@dataclass(frozen=True, slots=True)
class RatedAudio:
    """An audio as the read model knows it; `duration` is in seconds."""

    id: str
    user_id: str
    voice_id: str
    engine: str
    duration: float
    word_count: int

    def fit_range(self, opinion: Opinion) -> Opinion:
        """Return an opinion whose range ends with the audio at the latest; a player may show a slightly later end.

        Raises `ValidationError` if the rated range exceeds the audio.
        """
        if opinion.end_word is not None and opinion.end_word >= self.word_count:
            last = f"its last one is {self.word_count - 1}" if self.word_count else "it has none"
            refuse("end_word", f"The audio has no such word; {last}.")
        if opinion.start_time is None or opinion.end_time is None or opinion.end_time <= self.duration:
            return opinion
        if opinion.end_time > self.duration + _PADDING_SECONDS or opinion.start_time >= self.duration:
            refuse("end_time", f"The audio ends at {self.duration} s.")
        return replace(opinion, end_time=self.duration)
