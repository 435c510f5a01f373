"""Base class of request bodies, and types of names, secrets and times."""

import re
from datetime import UTC, datetime
from typing import Annotated
from unicodedata import category

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, SecretStr, StringConstraints
from pydantic_core import PydanticKnownError

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]")
_JOINERS = "\u200c\u200d"  # part of words in Persian and Indic scripts, and of emoji


class RequestBody(BaseModel):
    """Base class of request bodies; unknown fields, and numbers that are not finite, are rejected."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def remove_unprintable(text: str) -> str:
    """Return the text without line breaks, control characters and text direction overrides."""
    return "".join(char for char in text if char.isprintable() or char in _JOINERS or category(char) == "Zs")


def require_printable(text: str) -> str:
    """Return the text itself. Raises `ValueError` unless it is one line of printable characters."""
    if remove_unprintable(text) != text:
        raise ValueError("must be one line of printable characters, without control characters or text direction overrides")
    return text


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(require_printable)]
"""A name that other users may see."""


def _encodable(secret: SecretStr) -> SecretStr:
    try:
        secret.get_secret_value().encode()
    except UnicodeEncodeError:  # half of a surrogate pair; pydantic checks this for other texts
        raise PydanticKnownError("string_unicode") from None
    return secret


SecretText = Annotated[SecretStr, AfterValidator(_encodable)]
"""A secret of valid Unicode characters."""


def _require_text_of_time(value: object) -> object:
    """Refuse numbers, which pydantic would read as the seconds since 1970, though the schema says date-time."""
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE.match(value)):
        return value
    raise ValueError("Enter a time with its time zone, such as 2026-11-22T10:00:00Z.")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("Enter a time that lies between the years 1 and 9999 in UTC.") from None


UtcTime = Annotated[AwareDatetime, BeforeValidator(_require_text_of_time), AfterValidator(_in_utc)]
"""A time of a request in any time zone, as UTC; a time that UTC cannot represent is refused."""
