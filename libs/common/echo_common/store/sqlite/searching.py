"""Searches on one connection."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from echo_common.store.codec import decode
from echo_common.store.port import Document, Sort
from echo_common.store.sqlite.matching import Predicate, Wanted
from echo_common.store.sqlite.planning import Clause, narrowed, ordered
from echo_common.store.sqlite.schema import Schema, Table
from echo_common.store.sqlite.values import order_of

BATCH_DOCUMENTS = 256
BATCH_BYTES = 4 * 1024 * 1024
_FETCHED = 64


@dataclass(frozen=True, slots=True)
class Search:
    """A filter, a sort order, a range of the matches, and the requested fields (empty: all)."""

    wanted: Wanted
    sort: Sort = ()
    skip: int = 0
    limit: int = 0
    fields: Sequence[str] = ()


class Page(NamedTuple):
    """The first documents of a result, and the rows of the others."""

    documents: list[Document]
    others: list[int]


class Match(NamedTuple):
    """A document that matches, and its row."""

    row: int
    document: Document


def plan(search: Search, table: Table) -> tuple[str, Clause] | None:
    """Return the statement of a search's rows and its condition; None when SQL cannot express its order."""
    clause = narrowed(search.wanted.where, table)
    order = ordered(search.sort, table)
    if order is None:
        return None
    return f"SELECT rowid, doc FROM {table.name}{clause.where}{order}", clause


def matches(connection: sqlite3.Connection, table: Table, wanted: Wanted) -> Iterator[Match]:
    """Yield the matches in any order. The table must not change meanwhile."""
    clause = narrowed(wanted.where, table)
    accepts = None if clause.exact else wanted.accepts
    rows = connection.execute(f"SELECT rowid, doc FROM {table.name}{clause.where}", clause.values)
    for row, text in rows:
        document = decode(text)
        if accepts is None or accepts(document):
            yield Match(row, document)


def first(connection: sqlite3.Connection, table: Table, wanted: Wanted) -> Match | None:
    """Return the first match."""
    clause = narrowed(wanted.where, table)
    accepts = None if clause.exact else wanted.accepts
    rows = connection.execute(f"SELECT rowid, doc FROM {table.name}{clause.where}", clause.values)
    try:
        for row, text in rows:
            document = decode(text)
            if accepts is None or accepts(document):
                return Match(row, document)
    finally:
        rows.close()
    return None


def find_one(connection: sqlite3.Connection, schema: Schema, collection: str, wanted: Wanted) -> Document | None:
    """Return the first match."""
    table = schema.table(collection)
    found = None if table is None else first(connection, table, wanted)
    return None if found is None else found.document


def count(connection: sqlite3.Connection, schema: Schema, collection: str, wanted: Wanted) -> int:
    """Return the number of matches."""
    if (table := schema.table(collection)) is None:
        return 0
    clause = narrowed(wanted.where, table)
    if not clause.exact:
        return sum(1 for _ in matches(connection, table, wanted))
    (found,) = connection.execute(f"SELECT count(*) FROM {table.name}{clause.where}", clause.values).fetchone()
    return int(found)


def page(connection: sqlite3.Connection, schema: Schema, collection: str, search: Search) -> Page:
    """Return the first batch of matches, and the rows of the rest: a search holds no connection between its batches."""
    if (table := schema.table(collection)) is None:
        return Page([], [])
    planned = plan(search, table)
    if planned is None:
        return _sorted_page(connection, table, search)
    sql, clause = planned
    if clause.exact and (search.limit or search.skip):
        sql += f" LIMIT {search.limit or -1} OFFSET {search.skip}"
        search = Search(search.wanted, fields=search.fields)
    rows = connection.execute(sql, clause.values)
    try:
        return _streamed_page(rows, search, None if clause.exact else search.wanted.accepts)
    finally:
        rows.close()


def documents_in(
    connection: sqlite3.Connection, schema: Schema, collection: str, rows: Sequence[int], search: Search
) -> list[Document]:
    """Return the documents of these rows that still exist and still match."""
    table, accepts = schema.table(collection), search.wanted.accepts
    if table is None:
        return []
    places = ", ".join("?" * len(rows))
    found: dict[int, Document] = {}
    for row, text in connection.execute(f"SELECT rowid, doc FROM {table.name} WHERE rowid IN ({places})", rows):
        if accepts(document := decode(text)):
            found[row] = projected(document, search.fields)
    return [found[row] for row in rows if row in found]


def projected(document: Document, fields: Sequence[str]) -> Document:
    """Return a document with only these fields and its identifier; without fields, the whole."""
    if not fields:
        return document
    found: Document = {"_id": document["_id"]}
    for field in fields:
        source, target = document, found
        *parents, name = field.split(".")
        for parent in parents:
            source = source.get(parent, {}) if isinstance(source, dict) else {}
            if source:
                target = target.setdefault(parent, {})
        if isinstance(source, dict) and name in source:
            target[name] = source[name]
    return found


def _streamed_page(rows: sqlite3.Cursor, search: Search, accepts: Predicate | None) -> Page:
    documents: list[Document] = []
    others: list[int] = []
    size, skip, limit = 0, search.skip, search.limit
    while batch := rows.fetchmany(_FETCHED):
        for row, text in batch:
            full = size >= BATCH_BYTES or len(documents) >= BATCH_DOCUMENTS
            if full and accepts is None:
                others.append(row)
                continue
            document = decode(text)
            if accepts is not None and not accepts(document):
                continue
            if skip:
                skip -= 1
            elif full:
                others.append(row)
            else:
                documents.append(projected(document, search.fields))
                size += len(text)
            if limit and len(documents) + len(others) == limit:
                return Page(documents, others)
    return Page(documents, others)


def _sorted_page(connection: sqlite3.Connection, table: Table, search: Search) -> Page:
    """Return a page in an order without a column: sort the keys of all matches, then read their documents."""
    paths = [(name.split("."), order) for name, order in search.sort]
    ranked: list[tuple[list[Any], int]] = []
    for row, document in matches(connection, table, search.wanted):
        ranked.append(([order_of(document, path, order) for path, order in paths], row))
    for place in reversed(range(len(paths))):
        ranked.sort(key=lambda item: item[0][place], reverse=paths[place][1] == -1)
    rows = [row for _, row in ranked[search.skip : search.skip + search.limit if search.limit else None]]
    return Page([], rows)
