"""Running totals of a narration."""

from collections.abc import Sequence

from echo_common.contracts.values import Alignment
from echo_synthesis.domain import AudioQuality, Chapter, ChapterMarks
from echo_synthesis.pipeline.narration import Narration, SpokenSegment

SURER: Sequence[Alignment] = ("model", "aligned", "estimated")
"""Sources of timings, the surest first."""


class Totals:
    """Running totals of a narration: segments, duration, chapters, and the characters left."""

    def __init__(self, narration: Narration) -> None:
        self.settings = narration.settings
        self.units = self.cached_units = 0
        self.units_total = len(narration.script)
        self.characters_left = narration.script.characters
        self.alignment: Alignment = "model"
        self.quality = AudioQuality()
        self._samples = 0
        self._rate = narration.engine.sample_rate
        self._marks = ChapterMarks()

    def extend(self, narration: Narration) -> None:
        """Expect the segments of a narration that continues the speech."""
        self.units_total += len(narration.script)
        self.characters_left += narration.script.characters

    def add(self, segment: SpokenSegment) -> None:
        """Add a segment to the totals."""
        self.units += 1
        self.cached_units += segment.cached
        self.characters_left -= segment.characters
        self.quality = self.quality.add(segment.speech.quality)
        self.alignment = max(self.alignment, segment.speech.alignment, key=SURER.index)
        self._samples += len(segment.speech.samples)
        if segment.title:
            self._marks.begin(segment.title, segment.words[0].start)

    @property
    def duration(self) -> float:
        """Duration in seconds."""
        return round(self._samples / self._rate, 4)

    @property
    def chapters(self) -> Sequence[Chapter]:
        """Chapters that have begun so far."""
        return self._marks.chapters(self.duration)
