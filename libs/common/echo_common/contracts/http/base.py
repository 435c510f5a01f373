"""Base class of request bodies, and the type of names."""

from typing import Annotated
from unicodedata import category

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

_JOINERS = "\u200c\u200d"  # part of words in Persian and Indic scripts, and of emoji


class RequestBody(BaseModel):
    """Base class of request bodies; unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid")


def remove_unprintable(text: str) -> str:
    """Return the text without line breaks, control characters and text direction overrides."""
    return "".join(char for char in text if char.isprintable() or char in _JOINERS or category(char) == "Zs")


def _printable(text: str) -> str:
    if remove_unprintable(text) != text:
        raise ValueError("must be one line of printable characters, without control characters or text direction overrides")
    return text


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_printable)]
"""A name that other users may see."""
