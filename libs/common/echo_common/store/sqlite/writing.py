"""Changes, which run within a transaction of the writer."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

from echo_common.store.codec import decode, encode
from echo_common.store.port import Index
from echo_common.store.sqlite import rows
from echo_common.store.sqlite.matching import Wanted
from echo_common.store.sqlite.planning import narrowed
from echo_common.store.sqlite.schema import Schema, Table
from echo_common.store.sqlite.searching import Match, first, matches
from echo_common.store.sqlite.updates import Update, apply, document_from

Change = Callable[[sqlite3.Connection, Schema], int]
"""Function that makes a change and returns the number of documents it affected."""


def insert(collection: str, text: bytes) -> Change:
    """Return a change that inserts a document, given as its text."""

    def change(connection: sqlite3.Connection, schema: Schema) -> int:
        rows.insert(connection, schema, collection, decode(text), text)
        return 1

    return change


def update_one(collection: str, wanted: Wanted, update: Update) -> Change:
    """Return a change that updates the first match."""

    def change(connection: sqlite3.Connection, schema: Schema) -> int:
        table = schema.table(collection)
        found = None if table is None else first(connection, table, wanted)
        if table is None or found is None:
            return 0
        _update(connection, schema, table, found, update)
        return 1

    return change


def update_many(collection: str, wanted: Wanted, update: Update) -> Change:
    """Return a change that updates every match."""

    def change(connection: sqlite3.Connection, schema: Schema) -> int:
        if (table := schema.table(collection)) is None:
            return 0
        changed = []
        for row, document in matches(connection, table, wanted):
            arrays = rows.Keys.of(table, document).arrays
            apply(document, update)
            changed.append((arrays, row, document))
        rows.replace_many(connection, schema, table, changed)
        return len(changed)

    return change


def upsert(collection: str, wanted: Wanted, update: Update) -> Change:
    """Return a change that updates the first match, or inserts a document."""
    change_found = update_one(collection, wanted, update)

    def change(connection: sqlite3.Connection, schema: Schema) -> int:
        if not change_found(connection, schema):
            document = document_from(wanted.where, update)
            rows.insert(connection, schema, collection, document, encode(document))
        return 1

    return change


def delete(collection: str, wanted: Wanted) -> Change:
    """Return a change that deletes every match."""

    def change(connection: sqlite3.Connection, schema: Schema) -> int:
        if (table := schema.table(collection)) is None:
            return 0
        clause = narrowed(wanted.where, table)
        if clause.exact and not table.arrays:
            return connection.execute(f"DELETE FROM {table.name}{clause.where}", clause.values).rowcount
        found = [match.row for match in matches(connection, table, wanted)]
        for row in found:
            rows.delete(connection, table, row)
        return len(found)

    return change


def ensure(collection: str, indexes: Sequence[Index]) -> Change:
    """Return a change that creates a collection and its indexes where missing."""

    def change(connection: sqlite3.Connection, schema: Schema) -> int:
        schema.ensure(collection, indexes, partial(rows.fill, connection, schema))
        return 0

    return change


def probe(connection: sqlite3.Connection, _: Schema) -> int:
    """Write a row, to check that the database can be written."""
    connection.execute('CREATE TABLE IF NOT EXISTS "echo.probe" (id INTEGER PRIMARY KEY, times INTEGER)')
    connection.execute('INSERT INTO "echo.probe" VALUES (1, 1) ON CONFLICT DO UPDATE SET times = times + 1')
    return 1


def _update(connection: sqlite3.Connection, schema: Schema, table: Table, match: Match, update: Update) -> None:
    old = rows.Keys.of(table, match.document)
    apply(match.document, update)
    rows.replace(connection, schema, old, match.row, match.document, encode(match.document))
