"""Connections to a database file."""

import os
import sqlite3
from pathlib import Path

from echo_common.store.sqlite.failures import translated

BUSY_SECONDS = 4.0
"""Timeout in seconds of waiting for another process's transaction."""

_WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # with WAL: the log is on disk before a commit returns
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -32768",
)
_READER = ("PRAGMA query_only = ON", "PRAGMA cache_size = -8192")


def open_writer(file: Path) -> sqlite3.Connection:
    """Open the file for writing; create it, and its folder, with access for the owner alone when missing.

    Raises `StoreUnavailableError`, with a sentence for the operator.
    """
    with translated(file):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # the log's files take its mode
        return _open(file, _WRITER)


def open_reader(file: Path) -> sqlite3.Connection:
    """Open the file for reading."""
    with translated(file):
        return _open(file, _READER)


def open_locker(file: Path) -> sqlite3.Connection:
    """Open an existing file for a transaction that only locks it."""
    with translated(file):
        return _open(file, ())


def _open(file: Path, settings: tuple[str, ...]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        file, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=512, check_same_thread=False
    )
    try:
        for setting in settings:
            connection.execute(setting).fetchall()
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
