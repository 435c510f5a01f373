"""Collections as tables.

A collection has a table: a document's identifier, its indexed values (a column for each path, made by `key_of`), its unique
keys (a column for each unique index) and its text. Expression indexes over the text are unsuitable: SQLite 3.40 cuts a string
at its first NUL, takes true for 1 and rounds floats differently from Python. Members of arrays are in separate tables, which
are created with the first array at a path.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from echo_common.store.codec import encode
from echo_common.store.port import Document, Index
from echo_common.store.sqlite.values import ARRAY, Key, key_of, leads_through_array, members_at, values_at

_INDEXES = 'CREATE TABLE IF NOT EXISTS "echo.indexes" (collection TEXT, name TEXT, spec TEXT, PRIMARY KEY (collection, name))'
_COLUMNS = (
    'CREATE TABLE IF NOT EXISTS "echo.columns" (collection TEXT, path TEXT, arrays INTEGER, PRIMARY KEY (collection, path))'
)

_NEW = '"echo.new"'
"""Alias of the new rows in an update; no collection has this name."""


def quoted(name: str) -> str:
    """Return a name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Table:
    """Snapshot of a collection's table. `paths` have columns; `arrays` are those of them at which arrays have occurred."""

    collection: str
    paths: tuple[str, ...] = ()
    arrays: frozenset[str] = frozenset()
    indexes: Mapping[str, Index] = field(default_factory=dict)

    @cached_property
    def name(self) -> str:
        """The table's name, quoted for SQL."""
        return quoted(self.collection)

    @cached_property
    def unique(self) -> Sequence[Index]:
        """The table's unique indexes."""
        return [index for index in self.indexes.values() if index.unique]

    @cached_property
    def columns(self) -> Sequence[str]:
        """The columns beside identifier and text, quoted for SQL, in the order of `keys`."""
        return [column(path) for path in self.paths] + [unique_column(index) for index in self.unique]

    @cached_property
    def insertion(self) -> str:
        """The statement that adds a row: identifier, keys and text."""
        columns = ["id", *self.columns, "doc"]
        return f"INSERT INTO {self.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"

    def replacement(self, rows: int) -> str:
        """Return the statement that replaces rows; for each its rowid, text and keys."""
        names = ["doc", *self.columns]
        assignments = ", ".join(f"{name} = {_NEW}.column{place}" for place, name in enumerate(names, 2))
        values = ", ".join([f"({', '.join('?' * (len(names) + 1))})"] * rows)
        return f"UPDATE {self.name} SET {assignments} FROM (VALUES {values}) AS {_NEW} WHERE {self.name}.rowid = {_NEW}.column1"

    @cached_property
    def _split_paths(self) -> Sequence[tuple[str, list[str]]]:
        return [(path, path.split(".")) for path in self.paths]

    def keys(self, document: Document) -> tuple[list[Key], set[str]]:
        """Return the values of a document's columns, and the indexed paths at which it has arrays."""
        keys: list[Key] = []
        arrays: set[str] = set()
        for path, names in self._split_paths:
            if len(names) == 1:
                value = document.get(path)
                keys.append(key_of(value))
                if type(value) is list:
                    arrays.add(path)
            else:
                keys.append(_key_at(document, names))
                if leads_through_array(document, names):
                    arrays.add(path)
        keys.extend(_unique_key(document, index) for index in self.unique)
        return keys, arrays

    def members_table(self, path: str) -> str:
        """Return the name of the table of array members at a path, quoted for SQL."""
        return quoted(f"{self.collection}[{path}]")


def column(path: str) -> str:
    """Return the name of a path's column, quoted for SQL."""
    return quoted(f"={path}")


def unique_column(index: Index) -> str:
    """Return the name of the column of a unique index's key, quoted for SQL."""
    return quoted(f"!{index.name}")


def member_keys(document: Document, path: str) -> set[Key]:
    """Return the keys of all values that an equality at a path matches."""
    return {key_of(value) for value in members_at(document, path.split("."))}


def _key_at(document: Document, path: Sequence[str]) -> Key:
    values = list(values_at(document, path))
    if len(values) > 1:
        return ARRAY
    return key_of(values[0]) if values else None


def _unique_key(document: Document, index: Index) -> Key:
    """Return one key for all fields of an index, in which null is a value; None when a field is missing."""
    keys = []
    for name, _ in index.fields:
        found = next(values_at(document, name.split(".")), _MISSING)
        if found is _MISSING:
            return None
        key = key_of(found)
        keys.append(int(key) if isinstance(key, float) and key.is_integer() else key)
    return encode({"": keys})


_MISSING = object()


class Schema:
    """The tables as seen by one connection; read again after any connection has changed them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tables: dict[str, Table] = {}
        self._version = -1
        self._held = False

    def refresh(self) -> None:
        """Read the tables if they have changed; they stay until the next `refresh` or `forget`. At the start of a transaction.

        Within a writing transaction, no other connection can change them.
        """
        self._held = False
        self._current()
        self._held = True

    def table(self, collection: str) -> Table | None:
        """Return a collection's table, None before its first document."""
        return self._current().get(collection)

    def tables(self) -> list[Table]:
        """Return all tables."""
        return list(self._current().values())

    def _current(self) -> Mapping[str, Table]:
        if self._held:
            return self._tables
        (version,) = self._connection.execute("PRAGMA schema_version").fetchone()
        if version != self._version:
            self._tables = _read(self._connection)
            self._version = version
        return self._tables

    def forget(self) -> None:
        """Read the tables again next time, because a change was rolled back."""
        self._version = -1
        self._held = False

    def create(self, collection: str) -> Table:
        """Return a collection's table; create it when missing. Within a transaction."""
        return self.table(collection) or self._create(collection, [])

    def ensure(self, collection: str, indexes: Sequence[Index], fill: Callable[[Table], None]) -> None:
        """Create a collection's table and indexes where missing or different. Within a transaction.

        `fill` writes the values of new columns for existing documents. Raises `sqlite3.IntegrityError` when documents violate a
        unique index.
        """
        table = self.table(collection) or self._create(collection, indexes)
        changed = [index for index in indexes if table.indexes.get(index.name) != index]
        for index in changed:
            self._ensure_index(table, index, fill)
        if changed:
            self.forget()

    def note_arrays(self, table: Table, paths: set[str]) -> Table:
        """Create the tables of array members for these paths, at which the first arrays have occurred. Within a transaction."""
        for path in sorted(paths):
            members = table.members_table(path)
            self._connection.execute(
                f"CREATE TABLE IF NOT EXISTS {members} (row INTEGER, key, PRIMARY KEY (key, row)) WITHOUT ROWID"
            )
            by_row = quoted(f"{table.collection}[{path}] by row")
            self._connection.execute(f"CREATE INDEX IF NOT EXISTS {by_row} ON {members} (row)")
            self._connection.execute(
                'UPDATE "echo.columns" SET arrays = 1 WHERE collection = ? AND path = ?', (table.collection, path)
            )
        self.forget()
        return self.create(table.collection)

    def _create(self, collection: str, indexes: Sequence[Index]) -> Table:
        self._connection.execute(_INDEXES)
        self._connection.execute(_COLUMNS)
        paths = list(dict.fromkeys(name for index in indexes for name, _ in index.fields if name != "_id"))
        # The text comes last: columns behind a long text are slow to read. The identifier has no type, or 5 would equal "5".
        columns = "".join(f", {column(path)}" for path in paths)
        self._connection.execute(f"CREATE TABLE {quoted(collection)} (id NOT NULL PRIMARY KEY{columns}, doc BLOB NOT NULL)")
        rows = [(collection, path) for path in ("_id", *paths)]
        self._connection.executemany('INSERT OR REPLACE INTO "echo.columns" VALUES (?, ?, 0)', rows)
        self.forget()
        table = self.table(collection)
        if table is None:
            raise AssertionError("unreachable")
        return table

    def _ensure_index(self, table: Table, index: Index, fill: Callable[[Table], None]) -> None:
        run = self._connection.execute
        unique, ordinary = quoted(f"{table.collection}.{index.name} unique"), quoted(f"{table.collection}.{index.name}")
        run(f"DROP INDEX IF EXISTS {unique}")
        run(f"DROP INDEX IF EXISTS {ordinary}")
        missing = [name for name, _ in index.fields if name not in table.paths and name != "_id"]
        known = {str(row[1]) for row in run(f"PRAGMA table_info({table.name})")}
        new = [name for name in [*(f"={path}" for path in missing), *([f"!{index.name}"] * index.unique)] if name not in known]
        for name in new:
            run(f"ALTER TABLE {table.name} ADD COLUMN {quoted(name)}")
        for path in missing:
            run('INSERT OR REPLACE INTO "echo.columns" VALUES (?, ?, 0)', (table.collection, path))
        spec = {"fields": list(index.fields), "unique": index.unique, "sparse": index.sparse, "ttl": index.ttl}
        run('INSERT OR REPLACE INTO "echo.indexes" VALUES (?, ?, ?)', (table.collection, index.name, json.dumps(spec)))
        self.forget()
        if new:
            fill(self.create(table.collection))
        fields = ", ".join(f"{_indexed(name)} {'ASC' if order == 1 else 'DESC'}" for name, order in index.fields)
        if index.unique:
            run(
                f"CREATE UNIQUE INDEX {unique} ON {table.name} ({unique_column(index)}) WHERE {unique_column(index)} IS NOT NULL"
            )
        where = f" WHERE {_indexed(index.fields[0][0])} IS NOT NULL" if index.sparse and len(index.fields) == 1 else ""
        run(f"CREATE INDEX {ordinary} ON {table.name} ({fields}){where}")


def _indexed(path: str) -> str:
    return "id" if path == "_id" else column(path)


def _read(connection: sqlite3.Connection) -> dict[str, Table]:
    known = connection.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('echo.indexes', 'echo.columns')").fetchone()
    if known[0] < 2:
        return {}
    paths: dict[str, list[str]] = {}
    arrays: dict[str, set[str]] = {}
    indexes: dict[str, dict[str, Index]] = {}
    for collection, path, has_arrays in connection.execute('SELECT * FROM "echo.columns" ORDER BY collection, path'):
        known_paths = paths.setdefault(collection, [])
        if path != "_id":
            known_paths.append(path)
        if has_arrays:
            arrays.setdefault(collection, set()).add(path)
    for collection, name, spec in connection.execute('SELECT * FROM "echo.indexes" ORDER BY collection, name'):
        indexes.setdefault(collection, {})[name] = _index(json.loads(spec))
    return {
        name: Table(name, tuple(found), frozenset(arrays.get(name, ())), indexes.get(name, {})) for name, found in paths.items()
    }


def _index(spec: Mapping[str, Any]) -> Index:
    fields = [(name, order) for name, order in spec["fields"]]
    return Index(fields, unique=spec["unique"], sparse=spec["sparse"], ttl=spec["ttl"])
