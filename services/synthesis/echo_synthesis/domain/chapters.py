"""Chapters of an audio, from the text's headings."""

from collections.abc import Sequence

from echo_synthesis.domain.audio import Chapter


class ChapterMarks:
    """Collector of headings, in the order they are spoken."""

    def __init__(self) -> None:
        self._starts: list[tuple[str, float]] = []

    def begin(self, title: str, seconds: float) -> None:
        """Start a chapter at an offset into the audio."""
        self._starts.append((title, seconds))

    def chapters(self, duration: float) -> Sequence[Chapter]:
        """Return the chapters of an audio of `duration` seconds, each until the next one starts; empty without headings."""
        ends = [*(start for _, start in self._starts[1:]), duration]
        return [Chapter(title=title, start=start, end=end) for (title, start), end in zip(self._starts, ends, strict=False)]
