"""Store port on SQLite, the only package that uses it."""

from echo_common.store.sqlite.snapshot import open_snapshot
from echo_common.store.sqlite.store import open_store

__all__ = ["open_snapshot", "open_store"]
