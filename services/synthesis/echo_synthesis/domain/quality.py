"""Quality of a whole audio: the measurements of its segments."""

from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, ConfigDict

from echo_common.contracts.values import NotTranscribed
from echo_synthesis.engine import SegmentQuality


class AudioQuality(BaseModel):
    """Totals of the segments: how many were measured, spoken again, still bad, and transcribed.

    `words` and `word_errors` are those of the transcribed segments. `not_transcribed` is the reason if some were not.
    """

    model_config = ConfigDict(frozen=True)

    checked: int = 0
    attempts: int = 0
    repeated: int = 0
    with_problems: int = 0
    transcribed: int = 0
    words: int = 0
    word_errors: int = 0
    not_transcribed: NotTranscribed | None = None

    @classmethod
    def of(cls, segments: Iterable[SegmentQuality | None]) -> Self:
        """Add up the segments; those without speech are None."""
        total = cls()
        for quality in segments:
            total = total.add(quality)
        return total

    def explain(self, reason: NotTranscribed | None) -> Self:
        """Return the totals with the reason why not all segments were transcribed; it failed if there is no other."""
        complete = self.transcribed == self.checked
        return self.model_copy(update={"not_transcribed": None if complete and self.checked else reason or "failed"})

    def add(self, quality: SegmentQuality | None) -> Self:
        """Return the totals with another segment."""
        if quality is None:
            return self
        return self.model_copy(
            update={
                "checked": self.checked + 1,
                "attempts": self.attempts + quality.attempts,
                "repeated": self.repeated + (quality.attempts > 1),
                "with_problems": self.with_problems + bool(quality.problems),
                "transcribed": self.transcribed + (quality.words is not None),
                "words": self.words + (quality.words or 0),
                "word_errors": self.word_errors + (quality.word_errors or 0),
            }
        )


def merge_quality(parts: Iterable[SegmentQuality | None]) -> SegmentQuality | None:
    """Return the quality of a segment that consists of several parts; None without speech."""
    measured = [part for part in parts if part is not None]
    if not measured:
        return None
    transcribed = [part for part in measured if part.words is not None]
    return SegmentQuality(
        attempts=max(part.attempts for part in measured),
        problems=tuple(dict.fromkeys(problem for part in measured for problem in part.problems)),
        words=sum(part.words or 0 for part in transcribed) if transcribed else None,
        word_errors=sum(part.word_errors or 0 for part in transcribed) if transcribed else None,
    )
