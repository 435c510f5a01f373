"""Object storage in a folder.

`objects/<key>` holds an object's bytes and, behind them, a trailer of fixed size with its type and checksum: one rename
replaces both together, and tools can still play the audio file. `incoming/` holds files that are being written.
"""

import asyncio
import hashlib
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, ParamSpec, TypeVar

from echo_common.errors import is_disk_full
from echo_common.storage.port import (
    BLOCK,
    ListedObject,
    ObjectInfo,
    ObjectNotFoundError,
    StorageSpaceError,
    StorageUnavailableError,
    checked_key,
)

P = ParamSpec("P")
R = TypeVar("R")

_TRAILER = 512
_LISTED_AT_ONCE = 1000
_ABANDONED_AFTER = 24 * 3600.0
_ATTEMPTS = 50
_PROBE = bytes(4096)


class FolderStorage:
    """Object storage in a folder of this machine, created with the first write."""

    def __init__(self, folder: Path, *, minimum_free_bytes: int = 0) -> None:
        self._objects = folder / "objects"
        self._incoming = folder / "incoming"
        self._minimum_free = minimum_free_bytes

    async def put(self, key: str, data: bytes, mime: str) -> ObjectInfo:
        path = self._path(key)
        return await _in_thread(self._write, path, key, mime, [data])

    async def put_file(self, key: str, path: Path, mime: str) -> ObjectInfo:
        target = self._path(key)
        source, _ = await _opened(asyncio.to_thread(_open_source, path))  # a missing source is not a storage error
        with source:
            return await _in_thread(self._write, target, key, mime, iter(lambda: source.read(BLOCK), b""))

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        file, size = await _opened(_in_thread(_open, self._path(key), start))
        with file:
            left = (size if end is None else min(end, size)) - start
            while left > 0 and (block := await _in_thread(file.read, min(BLOCK, left))):
                left -= len(block)
                yield block

    async def info(self, key: str) -> ObjectInfo:
        return await _in_thread(_info, self._path(key), key)

    async def delete(self, key: str) -> None:
        await _in_thread(self._remove, self._path(key))

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        found = self._walk(self._objects, prefix)
        while page := await _in_thread(lambda: list(islice(found, _LISTED_AT_ONCE))):
            for key in page:
                yield key

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Sequence[ListedObject]:
        return await _in_thread(lambda: list(islice(self._listed(prefix, after), limit)))

    async def ping(self) -> None:
        await _in_thread(self._probe)

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    def _path(self, key: str) -> Path:
        return self._objects / checked_key(key)

    def _write(self, path: Path, key: str, mime: str, blocks: Iterable[bytes]) -> ObjectInfo:
        self._incoming.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self._incoming, delete=False) as file:
            incoming = Path(file.name)
            try:
                info = _fill(file, key, mime, blocks)
                _move(incoming, path)
            except BaseException:
                incoming.unlink(missing_ok=True)
                raise
        _sync_folder(path.parent)
        return info

    def _remove(self, path: Path) -> None:
        with suppress(IsADirectoryError, NotADirectoryError):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # a folder that is not empty ends the loop
            for folder in path.parents:
                if folder == self._objects:
                    return
                folder.rmdir()

    def _walk(self, folder: Path, prefix: str, after: str = "") -> Iterator[str]:
        for entry in _in_order_of_keys(folder):
            key = os.path.relpath(entry.path, self._objects)
            if not entry.is_dir():
                if key.startswith(prefix) and key > after:
                    yield key
            elif (f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/")) and (
                f"{key}/" > after or after.startswith(f"{key}/")
            ):
                yield from self._walk(Path(entry.path), prefix, after)

    def _listed(self, prefix: str, after: str) -> Iterator[ListedObject]:
        for key in self._walk(self._objects, prefix, after):
            with suppress(FileNotFoundError):  # removed meanwhile
                yield ListedObject(key, datetime.fromtimestamp((self._objects / key).stat().st_mtime, UTC))

    def _probe(self) -> None:
        self._incoming.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self._incoming) as probe:
            probe.write(_PROBE)
            probe.flush()
            os.fsync(probe.fileno())
        if (free := shutil.disk_usage(self._incoming).free) < self._minimum_free:
            raise StorageSpaceError(f"Only {free / 1e6:.0f} MB are free for objects in {self._objects}; free some space.")
        for file in self._incoming.iterdir():  # left by a crash
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < time.time() - _ABANDONED_AFTER:
                    file.unlink()


async def _in_thread(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return await asyncio.to_thread(call, *args, **kwargs)
    except OSError as error:
        if is_disk_full(error):
            raise StorageSpaceError from error
        raise StorageUnavailableError from error


async def _opened(opening: Awaitable[tuple[IO[bytes], int]]) -> tuple[IO[bytes], int]:
    """Return a file and its size; close one that is opened only after a cancellation."""
    task = asyncio.ensure_future(opening)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_close)
        raise


def _close(opening: "asyncio.Future[tuple[IO[bytes], int]]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].close()


def _open_source(path: Path) -> tuple[IO[bytes], int]:
    file = path.open("rb")
    return file, os.fstat(file.fileno()).st_size


def _fill(file: IO[bytes], key: str, mime: str, blocks: Iterable[bytes]) -> ObjectInfo:
    digest, size = hashlib.sha256(), 0
    for block in blocks:
        file.write(block)
        digest.update(block)
        size += len(block)
    info = ObjectInfo(key=key, size=size, mime=mime, checksum=digest.hexdigest())
    trailer = json.dumps({"mime": mime, "sha256": info.checksum}).encode().ljust(_TRAILER)
    if len(trailer) > _TRAILER:
        raise ValueError(f"not a media type: {mime!r}")
    file.write(trailer)
    file.flush()
    os.fsync(file.fileno())
    return info


def _move(incoming: Path, path: Path) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            incoming.replace(path)
        except (FileNotFoundError, FileExistsError):  # a removal has just pruned a folder
            if attempt == _ATTEMPTS:
                raise
        else:
            return


def _in_order_of_keys(folder: Path) -> Sequence[os.DirEntry[str]]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        # A folder sorts by its name with a slash, among longer names.
        return sorted(entries, key=lambda entry: f"{entry.name}/" if entry.is_dir() else entry.name)
    return ()


def _sync_folder(folder: Path) -> None:
    with suppress(FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _open(path: Path, start: int) -> tuple[IO[bytes], int]:
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise ObjectNotFoundError from error
    file.seek(start)
    return file, os.fstat(file.fileno()).st_size - _TRAILER


def _info(path: Path, key: str) -> ObjectInfo:
    file, size = _open(path, 0)
    with file:
        file.seek(size)
        facts = json.loads(file.read())
    return ObjectInfo(key=key, size=size, mime=facts["mime"], checksum=facts["sha256"])
