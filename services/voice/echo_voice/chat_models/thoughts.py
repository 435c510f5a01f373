"""Removal of a model's thoughts, which some servers leave in the text of a reply."""

_OPENING = "<think>"
_CLOSING = "</think>"


class ThoughtFilter:
    """Filter of text in parts that removes `<think>…</think>`, also if a tag is cut into several parts."""

    def __init__(self) -> None:
        self._thinking = False
        self._held = ""

    def feed(self, part: str) -> str:
        """Return the text that is certainly no thought; the rest is held until the next part."""
        text, self._held = self._held + part, ""
        kept: list[str] = []
        while text:
            tag = _CLOSING if self._thinking else _OPENING
            before, found, text = text.partition(tag)
            if not found:
                held = _partial_tag(before, tag)
                self._held = before[len(before) - held :]
                before = before[: len(before) - held]
            if not self._thinking:
                kept.append(before)
            if found:
                self._thinking = not self._thinking
        return "".join(kept)

    def end(self) -> str:
        """Return the rest at the end of the reply."""
        return "" if self._thinking else self._held


def _partial_tag(text: str, tag: str) -> int:
    """Return the length of the longest end of the text with which the tag begins."""
    return next((length for length in range(len(tag) - 1, 0, -1) if text.endswith(tag[:length])), 0)
