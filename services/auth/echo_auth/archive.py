"""Zip files of exports, written to disk in constant memory."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

MANIFEST: Final = "manifest.json"
JSON_MIME: Final = "application/json"
_EARLIEST_YEAR: Final = 1980  # of the zip format


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file in an archive, as its manifest lists it. `sha256` is in hex."""

    name: str
    size: int
    sha256: str
    mime: str


class FileWriter:
    """A file of an archive that is being written."""

    def __init__(self, target: IO[bytes], name: str, mime: str) -> None:
        self._target = target
        self._hash = sha256()
        self.size = 0
        self._name = name
        self._mime = mime

    def write(self, data: bytes) -> None:
        """Append bytes. Raises `OSError`."""
        self._target.write(data)
        self._hash.update(data)
        self.size += len(data)

    @property
    def written(self) -> ArchivedFile:
        """The file as written so far."""
        return ArchivedFile(self._name, self.size, self._hash.hexdigest(), self._mime)


class ArchiveWriter:
    """Writer of a zip file with a manifest. Of the files only their names are held in memory."""

    def __init__(self, archive: ZipFile, listing: IO[str]) -> None:
        self._archive = archive
        self._listing = listing
        self._names: set[str] = set()
        self._missing: list[str] = []

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["ArchiveWriter"]:
        """Open a writer, which needs a second file beside `path`. Raises `OSError`, also on exit."""
        with path.with_suffix(".list").open("w+", encoding="utf-8") as listing, ZipFile(path, "w") as archive:
            yield cls(archive, listing)

    @property
    def files(self) -> int:
        """Number of files, without the manifest."""
        return len(self._names)

    @property
    def missing(self) -> int:
        """Number of missing files."""
        return len(self._missing)

    @contextmanager
    def file(
        self, name: str, mime: str, *, modified: datetime, size: int | None = None, compressed: bool = False
    ) -> Iterator[FileWriter]:
        """Open the next file; one at a time.

        Args:
            name: Path in the archive.
            mime: Media type in the manifest.
            modified: Time of the file.
            size: Size in bytes; None if not known.
            compressed: Whether to compress the file; audio hardly compresses.

        Raises:
            OSError: The disk is full, or fails otherwise.
            ValueError: The archive has a file of this name.
        """
        if name == MANIFEST or name in self._names:
            raise ValueError(f"the archive has two files {name}")
        self._names.add(name)
        info = ZipInfo(name, _zip_time(modified))
        info.compress_type = ZIP_DEFLATED if compressed else ZIP_STORED
        info.external_attr = 0o600 << 16
        info.file_size = size or 0
        with self._archive.open(info, "w", force_zip64=size is None) as target:
            writer = FileWriter(target, name, mime)
            yield writer
        self._listing.write(json.dumps(asdict(writer.written), ensure_ascii=False) + "\n")

    def add_missing(self, name: str) -> None:
        """Note a file that was deleted or replaced before it could be copied."""
        self._missing.append(name)

    def finish(self, facts: Mapping[str, Any], modified: datetime) -> None:
        """Write the manifest: facts about the archive, its files, and the missing ones. Raises `OSError`."""
        info = ZipInfo(MANIFEST, _zip_time(modified))
        info.compress_type = ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        head = json.dumps({**facts, "missing": self._missing}, ensure_ascii=False, indent=2).removesuffix("\n}")
        self._listing.seek(0)
        with self._archive.open(info, "w", force_zip64=True) as target:
            target.write(f'{head},\n  "files": ['.encode())
            for number, line in enumerate(self._listing):
                target.write(f"{',' if number else ''}\n    {line.rstrip()}".encode())
            target.write(b"\n  ]\n}\n")


class CollectionWriter:
    """Writer of collections into an archive, each as a file with a JSON array; a context manager.

    Documents of one collection follow each other.
    """

    def __init__(self, archive: ArchiveWriter, modified: datetime) -> None:
        self._archive = archive
        self._modified = modified
        self._stack = ExitStack()
        self._collection: str | None = None
        self._target: FileWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, documents: Iterable[tuple[str, bytes]]) -> None:
        """Append documents: collection and JSON. Raises `OSError`, and `ValueError` for a collection that had ended."""
        for collection, document in documents:
            if collection == self._collection and self._target is not None:
                self._target.write(b",\n")
            else:
                self.end()
                opened = self._archive.file(f"{collection}.json", JSON_MIME, modified=self._modified, compressed=True)
                self._target, self._collection = self._stack.enter_context(opened), collection
                self._target.write(b"[\n")
            self._target.write(document)

    def end(self) -> None:
        """End the current collection. Raises `OSError`."""
        if self._target is not None:
            self._target.write(b"\n]\n")
            self._target = self._collection = None
            self._stack.close()


def _zip_time(moment: datetime) -> tuple[int, int, int, int, int, int]:
    return max(_EARLIEST_YEAR, moment.year), moment.month, moment.day, moment.hour, moment.minute, moment.second
