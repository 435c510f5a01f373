"""Storage of an audio's word timings: short lists in its document, long ones in an object beside the sound."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import IO

from echo_common.storage.port import ObjectStore
from echo_synthesis.domain import Audio, WordTiming
from echo_synthesis.timing.object_lines import read_lines

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
    async with aclosing(word_times_from(audio, objects, lambda _, __: False)) as words:
        async for _, word in words:
            yield word


async def word_times_from(
    audio: Audio, objects: ObjectStore, is_before: Callable[[int, WordTiming], bool]
) -> AsyncGenerator[tuple[int, WordTiming], None]:
    """Yield an audio's word timings with their indexes in order, from the first on that `is_before` does not exclude.

    Raises `ObjectNotFoundError`, `StorageUnavailableError`.
    """
    found = False
    for index, word in enumerate(audio.words):
        found = found or not is_before(index, word)
        if found:
            yield index, word
    if audio.times_key is None:
        return

    def is_line_before(index: int, line: bytes) -> bool:
        return is_before(index, WordTiming.model_validate_json(line))

    async with aclosing(read_lines(objects, audio.times_key, is_line_before)) as lines:
        async for index, line in lines:
            word = WordTiming.model_validate_json(line)
            found = found or not is_before(index, word)
            if found:
                yield index, word
