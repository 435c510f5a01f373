"""Personal data of users."""

from datetime import UTC, date, datetime, time
from typing import Final

from pydantic import BaseModel

from echo_common.aggregate import Aggregate

AVATAR_PREFIX: Final = "avatars/"
"""Prefix of the keys of avatars in object storage; the user's id follows."""


class Avatar(BaseModel):
    """A picture in object storage."""

    key: str
    mime: str
    size: int
    checksum: str


class Profile(Aggregate):
    """A user's personal data; its id is the user's id."""

    user_id: str
    first_name: str | None = None
    last_name: str | None = None
    date_of_birth: datetime | None = None
    preferred_language: str | None = None
    avatar: Avatar | None = None

    @property
    def birthday(self) -> date | None:
        """Date of birth; stored as a datetime, because the database has no dates."""
        return self.date_of_birth.date() if self.date_of_birth else None

    @property
    def full_name(self) -> str:
        """First and last name; empty if neither is known."""
        return " ".join(filter(None, [self.first_name, self.last_name]))


def to_datetime(day: date | None) -> datetime | None:
    """Return the start of a day, as stored: the database has no dates."""
    return None if day is None else datetime.combine(day, time(), UTC)
