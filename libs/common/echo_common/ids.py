"""Identifiers: a prefix for the type, and a ULID that sorts by time of creation."""

from datetime import datetime

from ulid import ULID


def new_id(prefix: str) -> str:
    """Return a new identifier such as `job_01K…`, sortable by creation time."""
    return f"{prefix}_{ULID()}"


def parse_time(known_id: str) -> datetime | None:
    """Return the time in UTC at which `new_id` made an id; None for one that it did not make."""
    try:
        return ULID.from_str(known_id.rpartition("_")[2]).datetime
    except ValueError:
        return None
