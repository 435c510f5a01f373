"""Time as the platform keeps it: UTC, to the millisecond (what the database can hold)."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current UTC time, truncated to milliseconds so that it survives a round trip through the database."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
