"""Headings in an audio: its chapters."""

from collections.abc import Sequence

from echo_synthesis.domain.audio import Chapter


class ChapterMarks:
    """Collects headings as they are spoken, in order."""

    def __init__(self) -> None:
        self._starts: list[tuple[str, float]] = []

    def begin(self, title: str, seconds: float) -> None:
        """What this heading names begins then."""
        self._starts.append((title, seconds))

    def chapters(self, duration: float) -> Sequence[Chapter]:
        """The chapters of an audio of that length, each until the next one; none without headings."""
        ends = [*(start for _, start in self._starts[1:]), duration]
        return [Chapter(title=title, start=start, end=end) for (title, start), end in zip(self._starts, ends, strict=False)]
