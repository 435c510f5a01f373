"""Temporary folders, which may hold speech, and are removed soon after a crash too."""

import asyncio
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from echo_common.errors import StorageFullError, is_disk_full
from echo_common.shielded import shielded

_PREFIX = "echo-scratch-"
_LOCK = "lock"


class Scratch:
    """A process's own folder for temporary files. Open with `open`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    @contextmanager
    def open(cls, parent: Path | None, name: str) -> Iterator["Scratch"]:
        """Create a folder below `parent`, removed on exit, and remove those of processes that have ended.

        A folder in use is locked; the operating system releases the lock when its process ends, in any way.

        Args:
            parent: Created when missing; None is the system's folder for temporary files.
            name: The owner's name, part of the folder's name.
        """
        root = parent or Path(tempfile.gettempdir())
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(root / f"{_PREFIX}{os.getuid()}.{_LOCK}"):  # otherwise a folder could be seen before it is locked
            _remove_abandoned(root)
            folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{name}-", dir=root))
            held = _open_lock(folder / _LOCK)
            fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield cls(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """Create a temporary folder, removed on exit. Raises `StorageFullError` when the disk is full, also on later writes."""
        with _naming_full_disk(), tempfile.TemporaryDirectory(prefix=f"{name}-", dir=self.path) as folder:
            yield Path(folder)

    @asynccontextmanager
    async def work_folder(self, name: str) -> AsyncIterator[Path]:
        """Do the same without blocking the event loop: on a busy disk, making and removing a folder takes milliseconds."""
        folder = self.path / f"{name}-{secrets.token_hex(8)}"
        with _naming_full_disk():
            try:
                await shielded(asyncio.to_thread(folder.mkdir, mode=0o700))
                yield folder
            finally:
                await shielded(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


@contextmanager
def _naming_full_disk() -> Iterator[None]:
    """Raise `StorageFullError` in place of any error that a full disk causes."""
    try:
        yield
    except Exception as error:
        if is_disk_full(error):
            raise StorageFullError from error
        raise


def _remove_abandoned(root: Path) -> None:
    for folder in root.glob(f"{_PREFIX}*/"):
        with suppress(OSError):  # another user's
            held = _open_lock(folder / _LOCK)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(held)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    held = _open_lock(path)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
