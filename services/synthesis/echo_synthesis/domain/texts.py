"""Texts that people keep, to have them spoken later or again."""

from echo_common.aggregate import Aggregate


class TextEntry(Aggregate):
    """A saved text. `language` is a BCP-47 tag, or None when nobody said."""

    user_id: str
    content: str
    language: str | None = None
