"""Platform time: UTC, truncated to milliseconds (the precision of the database)."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current UTC time, truncated to milliseconds so that it survives a round trip through the database."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
