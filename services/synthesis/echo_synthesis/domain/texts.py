"""Text entries, saved for later or repeated synthesis."""

from echo_common.aggregate import Aggregate


class TextEntry(Aggregate):
    """A saved text. `language` is a BCP-47 tag, or None if not specified."""

    user_id: str
    content: str
    language: str | None = None
