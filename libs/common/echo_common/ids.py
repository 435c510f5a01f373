"""Identifiers: a prefix for the type, and a ULID that sorts by time of creation."""

from ulid import ULID


def new_id(prefix: str) -> str:
    """Return a new identifier such as `job_01K…`, sortable by creation time."""
    return f"{prefix}_{ULID()}"
