"""Storage of an audio's word timings: short lists in its document, long ones in an object beside the sound."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from echo_common.storage.port import ObjectStore
from echo_synthesis.domain import Audio, WordTiming

FEW = 500
_MIME = "application/jsonl"


class TimesWriter:
    """Writer of word timings in constant memory; a list longer than `FEW` goes to a file, one JSON line per word."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._few: list[WordTiming] = []
        self._file: IO[str] | None = None
        self.count = 0
        """Number of words so far."""

    def __enter__(self) -> "TimesWriter":
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, marks: Iterable[WordTiming]) -> None:
        """Append word timings."""
        before = len(self._few)
        self._few.extend(marks)
        self.count += len(self._few) - before
        if self._file is None and len(self._few) > FEW:
            self._file = self._path.open("w", encoding="utf-8")
        if self._file is not None:
            self._file.writelines(f"{mark.model_dump_json(exclude_defaults=True)}\n" for mark in self._few)
            self._few.clear()

    async def store(self, objects: ObjectStore, key: str) -> tuple[Sequence[WordTiming], str | None]:
        """Store the timings; return a short list itself, or the key of the object that holds a long one."""
        if self._file is None:
            return self._few, None
        self._file.flush()
        return (), (await objects.put_file(key, self._path, _MIME)).key


async def word_times(audio: Audio, objects: ObjectStore) -> AsyncGenerator[WordTiming, None]:
    """Yield an audio's word timings in order. Raises `ObjectNotFoundError`, `StorageUnavailableError`."""
    for mark in audio.words:
        yield mark
    if audio.times_key is not None:
        rest = b""
        async for block in objects.read(audio.times_key):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                yield WordTiming.model_validate_json(line)
