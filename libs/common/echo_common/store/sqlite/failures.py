"""Translation of SQLite's errors into those of the store port."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echo_common.errors import StorageFullError
from echo_common.store.port import DuplicateError, StoreUnavailableError

_FULL = {sqlite3.SQLITE_FULL}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNIQUE = re.compile(
    r"UNIQUE constraint failed: .*?\.(?:id$|!(.+)$)|UNIQUE constraint failed: index '.*?\.([^.']+(?:\.[^']*)?) unique'"
)


class StoreFullError(StorageFullError, StoreUnavailableError):
    """The disk of the database is full; data can still be read. Free some space, then try again."""


class StoreDamagedError(StoreUnavailableError):
    """A database file is damaged."""


@contextmanager
def translated(file: Path) -> Iterator[None]:
    """Raise the port's errors in place of SQLite's. A caller's errors pass through."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise _duplicate(error) from error
    except sqlite3.Error as error:
        raise translate(error, file) from error
    except OSError as error:
        raise StoreUnavailableError(f"The database {file} cannot be used: {error.strerror}.") from error


def translate(error: sqlite3.Error, file: Path) -> Exception:
    """Return the port's error for an error of SQLite's, or the error itself when the port has none."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in _FULL:
        return StoreFullError()
    if primary in _DAMAGED:
        return StoreDamagedError(
            f"The database file {file} is damaged: put a copy in its place, or move it away to begin anew."
        )
    if isinstance(error, sqlite3.DatabaseError):
        return StoreUnavailableError(f"The database {file} cannot be used now ({error}).")
    return error


def _duplicate(error: sqlite3.IntegrityError) -> Exception:
    found = _UNIQUE.search(str(error))
    if found is None:
        return error
    return DuplicateError(found[1] or "_id_")
