"""Selection of the store by URL."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from echo_common.store.port import Snapshot, Store


async def open_store(url: str, database: str, *, minimum_free_bytes: int = 0) -> Store:
    """Open a service's database: in a file of its own at `sqlite:///folder`, or on the server at `mongodb://…`.

    With less than `minimum_free_bytes` free on its disk, a file's `ping` reports that the disk is full.

    Raises:
        ValueError: No store supports the URL.
        StoreUnavailableError: The folder cannot be used, or a file in it is damaged. A server is connected to with the first
            call.
    """
    parts = urlsplit(url)
    # Imported here so that a process loads one driver.
    if parts.scheme == "sqlite" and parts.path and not parts.netloc:
        from echo_common.store import sqlite

        return await sqlite.open_store(Path(unquote(parts.path)), database, minimum_free_bytes=minimum_free_bytes)
    if parts.scheme in {"mongodb", "mongodb+srv"}:
        from echo_common.store import mongo

        return await mongo.open_store(url, database)
    raise ValueError(f"no store for {parts.scheme}:// (sqlite:///folder or mongodb://…)")


def open_snapshot(url: str, databases: Sequence[str]) -> AbstractAsyncContextManager[Snapshot]:
    """Open a snapshot of all these databases at one moment, while the context lasts; the URLs are those of `open_store`.

    Raises `ValueError` for another URL; on entry `StoreUnavailableError`.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and parts.path and not parts.netloc:
        from echo_common.store import sqlite

        return sqlite.open_snapshot(Path(unquote(parts.path)), databases)
    if parts.scheme in {"mongodb", "mongodb+srv"}:
        from echo_common.store import mongo

        return mongo.open_snapshot(url, databases)
    raise ValueError(f"no store for {parts.scheme}:// (sqlite:///folder or mongodb://…)")
