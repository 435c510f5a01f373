"""The styles of clones, mixes and voices in training as files, which engines read."""

import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from echo_common.errors import StorageFullError, is_disk_full
from echo_common.scratch import Scratch

_MIX, _TRAINING = "mix-", "training-"
_MIXES_KEPT = 64
"""Number of files of mixes that are kept; clones have one each."""


class StyleFolder:
    """A temporary folder of style files, one for each key. Open with `open`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    @asynccontextmanager
    async def open(cls, scratch: Scratch) -> "AsyncIterator[StyleFolder]":
        """Create the folder, and remove it at the end of the context."""
        with scratch.folder("styles") as folder:
            yield cls(folder)

    def clone(self, key: str) -> Path:
        """Return the path of a clone's style."""
        return self._path / _hashed(key)

    def mix(self, key: str) -> Path:
        """Return the path of a mix's style."""
        return self._path / f"{_MIX}{_hashed(key)}"

    def training(self, voice_id: str, state: str) -> Path:
        """Return the path of a state of a voice in training."""
        return self._path / f"{_TRAINING}{_hashed(voice_id)}-{_hashed(state)}"

    def delete_training(self, voice_id: str) -> None:
        """Delete all states of a voice in training."""
        for file in self._path.glob(f"{_TRAINING}{_hashed(voice_id)}-*"):
            file.unlink(missing_ok=True)

    def write(self, path: Path, save: Callable[[Path], object]) -> None:
        """Write a file unless it is there, so that it is complete whenever it is read, and delete the mixes used longest ago.

        Raises `StorageFullError` when the disk is full.
        """
        with suppress(FileNotFoundError):
            os.utime(path)  # unlike `touch`, it creates no empty file when another thread deletes this one
            return
        try:
            with tempfile.TemporaryDirectory(dir=self._path) as folder:
                save(Path(folder) / path.name)
                (Path(folder) / path.name).replace(path)
        except OSError as error:
            if is_disk_full(error):
                raise StorageFullError from error
            raise
        for old in sorted(self._path.glob(f"{_MIX}*"), key=_used_at)[:-_MIXES_KEPT]:
            old.unlink(missing_ok=True)


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _used_at(file: Path) -> float:
    with suppress(FileNotFoundError):  # deleted by another thread
        return file.stat().st_mtime
    return 0.0
