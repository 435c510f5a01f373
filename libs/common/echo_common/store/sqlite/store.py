"""Store port on SQLite: one file per service, written by one thread and read by several."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from echo_common.store.codec import encode, normalize
from echo_common.store.port import Collection, Document, Filter, Index, Sort, Store, StoreUnavailableError
from echo_common.store.sqlite import searching, writing
from echo_common.store.sqlite.failures import StoreFullError, translated
from echo_common.store.sqlite.matching import Wanted
from echo_common.store.sqlite.readers import Read, Readers
from echo_common.store.sqlite.searching import BATCH_DOCUMENTS, Search
from echo_common.store.sqlite.threads import Queue, Results, Task
from echo_common.store.sqlite.writer import Writer

TIMEOUT = 4.5
"""Timeout of one call in seconds."""

ENSURE_TIMEOUT = 120.0
"""Timeout of building an index over existing documents, in seconds."""

SWEEP_SECONDS = 30.0

T = TypeVar("T")


async def open_store(
    folder: Path, database: str, *, minimum_free_bytes: int = 0, sweep_seconds: float = SWEEP_SECONDS
) -> Store:
    """Open `folder/database.sqlite3`; create it, and its folder, with access for the owner alone when missing.

    With less than `minimum_free_bytes` free, `ping` reports that the disk is full. Raises `StoreUnavailableError` with a
    sentence for the operator: the folder cannot be written, or the file is damaged.
    """
    file = folder / f"{database}.sqlite3"
    writer = await asyncio.to_thread(Writer, file, sweep_seconds=sweep_seconds)
    return SqliteStore(file, writer, Readers(file), minimum_free_bytes)


class SqliteStore:
    """A database file."""

    def __init__(self, file: Path, writer: Writer, readers: Readers, minimum_free_bytes: int) -> None:
        self._file = file
        self._writer = writer
        self._readers = readers
        self._minimum_free = minimum_free_bytes
        self._results = Results(asyncio.get_running_loop())
        self._epoch = datetime.now(UTC) - timedelta(seconds=time.monotonic())
        writer.start()
        readers.start()

    def collection(self, name: str) -> Collection:
        return SqliteCollection(self, name)

    async def collections(self) -> Sequence[str]:
        found: list[str] = await self.read(lambda _, schema: sorted(table.collection for table in schema.tables()))
        return found

    async def ping(self) -> None:
        """Raise `StoreFullError` unless a write succeeds and enough space is free, `StoreUnavailableError`."""
        await self.write(writing.probe)
        with translated(self._file):
            usage = await asyncio.to_thread(shutil.disk_usage, self._file.parent)
        if usage.free < self._minimum_free:
            raise StoreFullError(f"Only {usage.free / 1e6:.0f} MB are free for the database {self._file}; free some space.")

    async def time(self) -> datetime:
        return self._epoch + timedelta(seconds=time.monotonic())

    async def close(self) -> None:
        self._writer.queue.close()
        self._readers.queue.close()
        await asyncio.to_thread(self._readers.join)
        await asyncio.to_thread(self._writer.join)  # last, so that it cleans up the log

    async def write(self, change: writing.Change, timeout: float = TIMEOUT) -> int:
        """Run a change; return the number of documents it affected, once it is on disk."""
        return await self._run(self._writer.queue, change, timeout)

    async def read(self, read: Read) -> Any:
        """Run a read on one of the reading connections."""
        return await self._run(self._readers.queue, read, TIMEOUT)

    async def _run(self, queue: Queue[T], work: Callable[..., T], timeout: float) -> T:
        future: asyncio.Future[T] = self._results.loop.create_future()
        try:
            queue.put(Task(work, future, self._results))
        except CancelledError:
            raise StoreUnavailableError("The database has been closed.") from None
        try:
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError as error:
            raise StoreUnavailableError from error


class SqliteCollection:
    """A collection of a database file."""

    def __init__(self, store: SqliteStore, name: str) -> None:
        self._store = store
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    async def ensure(self, indexes: Sequence[Index]) -> None:
        await self._store.write(writing.ensure(self._name, list(indexes)), ENSURE_TIMEOUT)

    async def insert(self, document: Document) -> None:
        # Encoded here, so that later modifications by the caller have no effect.
        await self._store.write(writing.insert(self._name, encode(_identified(document))))

    async def find_one(self, where: Filter) -> Document | None:
        wanted = Wanted.of(where)
        found: Document | None = await self._store.read(
            lambda connection, schema: searching.find_one(connection, schema, self._name, wanted)
        )
        return found

    async def find(
        self, where: Filter, *, sort: Sort = (), skip: int = 0, limit: int = 0, fields: Sequence[str] = ()
    ) -> AsyncIterator[Document]:
        search = Search(Wanted.of(where), tuple(sort), skip, limit, tuple(fields))
        page: searching.Page = await self._store.read(
            lambda connection, schema: searching.page(connection, schema, self._name, search)
        )
        for document in page.documents:
            yield document
        for start in range(0, len(page.others), BATCH_DOCUMENTS):
            batch = page.others[start : start + BATCH_DOCUMENTS]
            read = partial(searching.documents_in, collection=self._name, rows=batch, search=search)
            for document in await self._store.read(read):
                yield document

    async def count(self, where: Filter) -> int:
        wanted = Wanted.of(where)
        found = await self._store.read(lambda connection, schema: searching.count(connection, schema, self._name, wanted))
        return int(found)

    async def update_one(self, where: Filter, update: Mapping[str, Any]) -> bool:
        return bool(await self._store.write(writing.update_one(self._name, Wanted.of(where), normalize(update))))

    async def update_many(self, where: Filter, update: Mapping[str, Any]) -> int:
        return await self._store.write(writing.update_many(self._name, Wanted.of(where), normalize(update)))

    async def upsert(self, where: Filter, update: Mapping[str, Any]) -> None:
        await self._store.write(writing.upsert(self._name, Wanted.of(where), normalize(update)))

    async def delete(self, where: Filter) -> int:
        return await self._store.write(writing.delete(self._name, Wanted.of(where)))


def _identified(document: Document) -> Document:
    if not isinstance(document.get("_id"), str):
        raise TypeError("the identifier of a document must be a string")
    return document
