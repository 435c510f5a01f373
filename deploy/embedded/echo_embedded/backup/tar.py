"""Tar files of plain files, written and read in constant memory.

`tarfile` keeps a record of every member and accepts links, devices and headers of any size; this module uses only its encoding
of headers.
"""

import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import IO

COPIED_BYTES = 256 * 1024
_BLOCK = 512
_MOST_RECORDS = 16 * 1024
_LONGEST_NUMBER = 20
_CHECKSUM = slice(148, 156)
_LABEL = "ECHO."
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)


class TarError(Exception):
    """A damaged tar file, or one with other members than plain files; the message is the end of a sentence."""


@dataclass(frozen=True, slots=True)
class TarMember:
    """A member while it is being read. `labels` are values that belong to it."""

    name: str
    size: int
    content: io.BufferedReader
    labels: Mapping[str, str] = field(default_factory=dict)


class TarWriter:
    """Writer of a tar file; `time` is the time of all members, in seconds since 1970."""

    def __init__(self, file: IO[bytes], time: int) -> None:
        self._file = file
        self._time = time

    def add(self, name: str, content: IO[bytes], size: int, **labels: str) -> str:
        """Add `size` bytes of `content`; return their SHA-256. Raises `OSError`, `ValueError` when there are fewer."""
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, self._time
        info.pax_headers = {_LABEL + label: value for label, value in labels.items()}
        self._file.write(info.tobuf(tarfile.PAX_FORMAT))
        digest, left = sha256(), size
        while left and (block := content.read(min(left, COPIED_BYTES))):
            self._file.write(block)
            digest.update(block)
            left -= len(block)
        if left:
            raise ValueError(f"{name} is shorter than {size} bytes")
        self._file.write(bytes(-size % _BLOCK))
        return digest.hexdigest()

    def close(self) -> None:
        """Write the end of the tar file."""
        self._file.write(bytes(2 * _BLOCK))


def read_members(file: IO[bytes]) -> Iterator[TarMember]:
    """Yield the members in order; the content of a member can be read until the next one. Raises `TarError`, `OSError`."""
    while (header := _header(file)) is not None:
        records: Mapping[str, str] = {}
        if header.type == tarfile.XHDTYPE:
            records = _records(file, header.size)
            if (header := _header(file)) is None:
                raise TarError("is truncated")
        name = records.get("path", header.name)
        size = _size(records, header)
        if header.type not in _REGULAR or header.linkname:
            raise TarError(f"contains {name!r}, which is no plain file")
        content = _Content(file, size)
        labels = {key.removeprefix(_LABEL): value for key, value in records.items() if key.startswith(_LABEL)}
        yield TarMember(name, size, io.BufferedReader(content, COPIED_BYTES), labels)
        content.skip()
        if any(_exactly(file, -size % _BLOCK)):
            raise TarError(f"is damaged behind {name!r}")
    if file.read(_BLOCK) != bytes(_BLOCK) or file.read(1):
        raise TarError("is damaged at its end")


class _Content(io.RawIOBase):
    """The bytes of one member."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__()
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        block = self._file.read(min(len(buffer), self._left))
        if not block and self._left and len(buffer):
            raise TarError("is truncated")
        buffer[: len(block)] = block
        self._left -= len(block)
        return len(block)

    def skip(self) -> None:
        while self._left:
            self._left -= len(_exactly(self._file, min(self._left, COPIED_BYTES)))


def _header(file: IO[bytes]) -> tarfile.TarInfo | None:
    """Read the next header; None at the end."""
    block = _exactly(file, _BLOCK)
    if not any(block):
        return None
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise TarError("is damaged, or is no archive of Echo") from error
    if block[_CHECKSUM] != b"%06o\0 " % info.chksum:  # `tarfile` accepts other spellings of the number
        raise TarError("is damaged, or is no archive of Echo")
    return info


def _records(file: IO[bytes], size: int) -> Mapping[str, str]:
    """Read the extended header of the next member: lines of `<length> <key>=<value>`."""
    if not 0 < size <= _MOST_RECORDS:
        raise TarError("has a header that is too large")
    text = _exactly(file, size)
    if any(_exactly(file, -size % _BLOCK)):
        raise TarError("has a damaged header")
    records: dict[str, str] = {}
    try:
        while text:
            length = int(text[: text.index(b" ")])
            line, text = text[:length], text[max(length, 1) :]
            key, _, value = line[line.index(b" ") + 1 :].removesuffix(b"\n").decode().partition("=")
            records[key] = value
    except ValueError as error:
        raise TarError("has a damaged header") from error
    return records


def _size(records: Mapping[str, str], header: tarfile.TarInfo) -> int:
    told = records.get("size", "")
    size = int(told) if told.isdecimal() and len(told) < _LONGEST_NUMBER else header.size
    if size < 0:
        raise TarError("has a damaged header")
    return size


def _exactly(file: IO[bytes], count: int) -> bytes:
    block = file.read(count)
    if len(block) != count:
        raise TarError("is truncated")
    return block
