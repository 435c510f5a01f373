"""Removal of documents past their time to live."""

import sqlite3
from datetime import timedelta

from echo_common.clock import now
from echo_common.store.sqlite import rows
from echo_common.store.sqlite.schema import Schema, Table, column
from echo_common.store.sqlite.values import DATE, key_of

_AT_ONCE = 500


def sweep(connection: sqlite3.Connection, schema: Schema) -> bool:
    """Remove expired documents, up to a bound, in transactions of their own; return whether there are more."""
    more = False
    schema.refresh()
    for table in schema.tables():
        for index in table.indexes.values():
            if index.ttl is not None:
                more |= _remove(connection, table, index.fields[0][0], index.ttl)
    return more


def _remove(connection: sqlite3.Connection, table: Table, path: str, ttl: int) -> bool:
    name, oldest = column(path), key_of(now() - timedelta(seconds=ttl))
    sql = f"SELECT rowid FROM {table.name} WHERE {name} >= ? AND {name} < ? LIMIT {_AT_ONCE}"
    expired = [row for (row,) in connection.execute(sql, (DATE, oldest))]
    if expired:
        connection.execute("BEGIN IMMEDIATE")
        for row in expired:
            rows.delete(connection, table, row)
        connection.execute("COMMIT")
    return len(expired) == _AT_ONCE
