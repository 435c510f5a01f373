"""Object storage port: samples and audio, as bytes under a key."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from echo_common.errors import NotFoundError, ServiceUnavailableError, StorageFullError

BLOCK = 256 * 1024
"""Maximum size of a read in bytes."""

_KEY = re.compile(r"(?!\.{1,2}(/|$))[A-Za-z0-9._-]{1,200}(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]{1,200})*")
_LONGEST_KEY = 1000


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """Metadata of a stored object. `checksum` is the SHA-256 of its bytes, in hex."""

    key: str
    size: int
    mime: str
    checksum: str


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An entry of a listing. `modified` is the time of writing (UTC)."""

    key: str
    modified: datetime


class StorageUnavailableError(ServiceUnavailableError):
    """Object storage is not reachable right now; try again shortly."""


class StorageSpaceError(StorageFullError, StorageUnavailableError):
    """The disk of object storage is full; objects can still be read. Free some space, then try again."""


class ObjectNotFoundError(NotFoundError):
    """There is no such object."""

    code = "OBJECT_NOT_FOUND"


class ObjectStore(Protocol):
    """Storage of objects, which are written whole or not at all, and replaced atomically.

    Keys are relative paths of `[A-Za-z0-9._-]` segments (200 characters each, 1,000 in all), no key being a folder of another.
    Every call raises `StorageUnavailableError` when storage cannot be reached, `ValueError` for an invalid key; none blocks the
    event loop.
    """

    async def put(self, key: str, data: bytes, mime: str) -> ObjectInfo:
        """Store bytes; readable under `key` once this returns."""

    async def put_file(self, key: str, path: Path, mime: str) -> ObjectInfo:
        """Store a local file's content, in constant memory."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes of `[start, end)` in blocks of at most `BLOCK`. Raises `ObjectNotFoundError` on first use."""

    async def info(self, key: str) -> ObjectInfo:
        """Return an object's metadata. Raises `ObjectNotFoundError`."""

    async def delete(self, key: str) -> None:
        """Delete an object; no error when it does not exist."""

    def keys(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys that start with `prefix`, in order."""

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Sequence[ListedObject]:
        """Return up to `limit` (at most 1000) objects, in order, with keys that start with `prefix` and come after `after`."""

    async def ping(self) -> None:
        """Raise `StorageUnavailableError` unless objects can be written."""

    async def close(self) -> None:
        """Disconnect."""


def checked_key(key: str) -> str:
    """Return the key itself. Raises `ValueError` when it is not valid."""
    if len(key) > _LONGEST_KEY or not _KEY.fullmatch(key):
        raise ValueError(f"not a key of an object: {key!r}")
    return key
