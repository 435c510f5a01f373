"""Snapshot of several database files at one moment, also while another process writes them."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path

from echo_common.store.codec import decode
from echo_common.store.port import Document, Snapshot
from echo_common.store.sqlite.connection import open_locker, open_reader
from echo_common.store.sqlite.failures import translated
from echo_common.store.sqlite.schema import Schema

_BYTES_AT_ONCE = 4 * 1024 * 1024


@asynccontextmanager
async def open_snapshot(folder: Path, databases: Sequence[str]) -> AsyncIterator[Snapshot]:
    """Open a snapshot of the existing files of these databases. Raises `StoreUnavailableError`."""
    files = {name: file for name in databases if (file := folder / f"{name}.sqlite3").exists()}
    with ExitStack() as stack:
        readers = await asyncio.to_thread(stack.enter_context, _frozen(files))
        yield SqliteSnapshot(files, readers)


@contextmanager
def _frozen(files: Mapping[str, Path]) -> Iterator[Mapping[str, sqlite3.Connection]]:
    """Open a reading transaction on every file while no file can be written: milliseconds."""
    with ExitStack() as readers:
        opened: dict[str, sqlite3.Connection] = {}
        with ExitStack() as lockers:
            locked = []
            for name, file in files.items():
                opened[name] = readers.enter_context(closing(open_reader(file)))
                locked.append((file, lockers.enter_context(closing(open_locker(file)))))
            for file, connection in locked:
                with translated(file):
                    connection.execute("BEGIN IMMEDIATE")
            for name, file in files.items():
                with translated(file):
                    opened[name].execute("BEGIN")
                    opened[name].execute("SELECT count(*) FROM sqlite_master").fetchone()  # the first read takes the snapshot
        yield opened


class SqliteSnapshot:
    """Reading transactions on database files, all of the same moment."""

    consistent = True

    def __init__(self, files: Mapping[str, Path], readers: Mapping[str, sqlite3.Connection]) -> None:
        self._files = files
        self._readers = readers

    async def collections(self, database: str) -> Sequence[str]:  # noqa: D102
        if database not in self._readers:
            return []
        with translated(self._files[database]):
            return sorted(table.collection for table in Schema(self._readers[database]).tables())

    async def documents(self, database: str, collection: str) -> AsyncIterator[Document]:  # noqa: D102
        if (table := Schema(self._readers[database]).table(collection)) is None:
            return
        with translated(self._files[database]):
            rows = self._readers[database].execute(f"SELECT doc FROM {table.name}")
            while texts := await asyncio.to_thread(_take, rows):
                for text in texts:
                    yield decode(text)


def _take(rows: sqlite3.Cursor) -> list[bytes]:
    """Return the next texts, of a few megabytes."""
    texts: list[bytes] = []
    size = 0
    while size < _BYTES_AT_ONCE and (row := rows.fetchone()) is not None:
        texts.append(row[0])
        size += len(row[0])
    return texts
