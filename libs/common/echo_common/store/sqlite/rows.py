"""Documents as rows: they are written with their keys, within a transaction of the writer."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from echo_common.store.codec import decode, encode
from echo_common.store.port import Document
from echo_common.store.sqlite.schema import Schema, Table, member_keys
from echo_common.store.sqlite.values import Key

_ROWS_AT_ONCE = 256
_BYTES_AT_ONCE = 4 * 1024 * 1024


class Keys(NamedTuple):
    """Values of a document's columns, and the indexed paths at which it has arrays."""

    table: Table
    values: list[Key]
    arrays: set[str]

    @classmethod
    def of(cls, table: Table, document: Document) -> "Keys":
        """Return the keys of a document."""
        return cls(table, *table.keys(document))


def insert(connection: sqlite3.Connection, schema: Schema, collection: str, document: Document, text: bytes) -> None:
    """Add a document. Raises `sqlite3.IntegrityError`."""
    table = schema.create(collection)
    keys, arrays = table.keys(document)
    row = connection.execute(table.insertion, (document["_id"], *keys, text)).lastrowid
    if arrays:
        _write_members(connection, schema, table, row, document, arrays)


def replace(connection: sqlite3.Connection, schema: Schema, old: Keys, row: int, document: Document, text: bytes) -> None:
    """Replace a document whose row has the `old` keys. Raises `sqlite3.IntegrityError`."""
    table = old.table
    new = Keys.of(table, document)
    pairs = zip(table.columns, old.values, new.values, strict=True)
    changed = {name: value for name, before, value in pairs if value != before or type(value) is not type(before)}
    assignments = ", ".join(f"{name} = ?" for name in ("doc", *changed))
    connection.execute(f"UPDATE {table.name} SET {assignments} WHERE rowid = ?", (text, *changed.values(), row))
    if arrays := old.arrays | new.arrays:
        _write_members(connection, schema, table, row, document, arrays)


def replace_many(
    connection: sqlite3.Connection, schema: Schema, table: Table, changed: Sequence[tuple[set[str], int, Document]]
) -> None:
    """Replace the documents in these rows, given with the paths at which the old ones had arrays.

    One statement for hundreds of rows: every statement releases the interpreter's lock, which other threads then hold. Raises
    `sqlite3.IntegrityError`.
    """
    batch: list[tuple[int | bytes | Key, ...]] = []
    size = 0
    for _, row, document in changed:
        text = encode(document)
        batch.append((row, text, *Keys.of(table, document).values))
        size += len(text)
        if len(batch) == _ROWS_AT_ONCE or size >= _BYTES_AT_ONCE:
            _replace_batch(connection, table, batch)
            batch, size = [], 0
    if batch:
        _replace_batch(connection, table, batch)
    for old_arrays, row, document in changed:
        if arrays := old_arrays | Keys.of(table, document).arrays:
            table = _write_members(connection, schema, table, row, document, arrays)


def _replace_batch(connection: sqlite3.Connection, table: Table, batch: Sequence[tuple[int | bytes | Key, ...]]) -> None:
    # Repeated up to a power of two, so that few statements differ only in their number of rows.
    values = [*batch, *[batch[-1]] * ((1 << (len(batch) - 1).bit_length()) - len(batch))]
    connection.execute(table.replacement(len(values)), [value for row in values for value in row])


def fill(connection: sqlite3.Connection, schema: Schema, table: Table) -> None:
    """Write the keys of documents that are older than the table's columns."""
    assignments = ", ".join(f"{name} = ?" for name in table.columns)
    for (row,) in connection.execute(f"SELECT rowid FROM {table.name}").fetchall():
        (text,) = connection.execute(f"SELECT doc FROM {table.name} WHERE rowid = ?", (row,)).fetchone()
        keys = Keys.of(table, decode(text))
        connection.execute(f"UPDATE {table.name} SET {assignments} WHERE rowid = ?", (*keys.values, row))
        if keys.arrays:
            table = _write_members(connection, schema, table, row, decode(text), keys.arrays)


def delete(connection: sqlite3.Connection, table: Table, row: int) -> None:
    """Remove a document."""
    for path in table.arrays:
        connection.execute(f"DELETE FROM {table.members_table(path)} WHERE row = ?", (row,))
    connection.execute(f"DELETE FROM {table.name} WHERE rowid = ?", (row,))


def _write_members(
    connection: sqlite3.Connection, schema: Schema, table: Table, row: int | None, document: Document, paths: set[str]
) -> Table:
    if new := paths - table.arrays:
        table = schema.note_arrays(table, new)
    for path in paths:
        members = table.members_table(path)
        connection.execute(f"DELETE FROM {members} WHERE row = ?", (row,))
        keys = [(row, key) for key in member_keys(document, path) if key is not None]
        connection.executemany(f"INSERT INTO {members} VALUES (?, ?)", keys)
    return table
