"""Digests to compare requests with the same idempotency key: of parsed values, never of raw bytes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Scope

_MOST_PARTS: Final = 64
_LONGEST_BOUNDARY: Final = 256  # of the parser, here and in the services
_MOST_HEADER_BYTES: Final = 16 * 1024


class BodyDigest(Protocol):
    """Incremental digest of a request body."""

    def feed(self, block: bytes) -> None:
        """Add the next block."""

    def digest(self) -> str | None:
        """Return the digest of the body, None when it cannot be parsed."""


def request_digest(scope: Scope, body: str) -> str:
    """Return the digest of a request: its path parameters, its query and the digest of its body.

    Alias names of the path and the order of query parameters make no difference.
    """
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return _hashed([sorted(scope.get("path_params", {}).items()), sorted(query, key=lambda pair: pair[0]), body])


def body_digest_of(scope: Scope) -> BodyDigest:
    """Return an empty digest for the request's kind of body."""
    content_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    kind, options = parse_options_header(content_type)
    if kind == b"multipart/form-data" and options.get(b"boundary"):
        return MultipartDigest(options[b"boundary"])
    return JsonDigest() if kind.endswith(b"json") or not kind else RawDigest(kind)


class RawDigest:
    """Digest of the bytes of a body that is neither JSON nor multipart."""

    def __init__(self, kind: bytes = b"") -> None:
        self._hash = hashlib.sha256(kind + b"\n")

    def feed(self, block: bytes) -> None:
        """Add the next block."""
        self._hash.update(block)

    def digest(self) -> str:
        """Return the digest."""
        return self._hash.hexdigest()


class JsonDigest:
    """Digest of the values in a JSON body: key order, whitespace and the spelling of numbers and strings do not count."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def feed(self, block: bytes) -> None:
        """Add the next block."""
        self._blocks.append(block)

    def digest(self) -> str:
        """Return the digest; a body that is not JSON is digested as bytes, because its service rejects it."""
        body = b"".join(self._blocks)
        try:
            return _hashed(json.loads(body, parse_float=_number))
        except (ValueError, RecursionError):
            return hashlib.sha256(b"not JSON\n" + body).hexdigest()


@dataclass
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    content: Any = field(default_factory=hashlib.sha256)


class MultipartDigest:
    """Digest of the parts of a multipart body: names, file names and a hash of each content, computed while it is read.

    The boundary, the order of different fields and the parts' own headers do not count. Memory is constant.
    """

    def __init__(self, boundary: bytes) -> None:
        self._parts: list[_Part] = []
        self._name = self._value = b""
        self._header_bytes = 0
        self._complete = False
        self._valid = len(boundary) <= _LONGEST_BOUNDARY
        # the parser raises on a longer boundary; the digest of such a body is irrelevant, because its service rejects it
        self._parser = MultipartParser(
            boundary[:_LONGEST_BOUNDARY],
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_header_name,
                "on_header_value": self._add_header_value,
                "on_header_end": self._end_header,
                "on_part_data": self._add_content,
                "on_end": self._end,
            },
        )

    def feed(self, block: bytes) -> None:
        """Add the next block."""
        if self._valid and block:
            try:
                self._parser.write(block)
            except FormParserError:
                self._valid = False

    def digest(self) -> str | None:
        """Return the digest, None when the body is not a whole multipart body."""
        if not (self._valid and self._complete):
            return None
        parts = [(*_named(part.headers), part.content.hexdigest()) for part in self._parts]
        return _hashed(sorted(parts, key=lambda part: part[0]))

    def _begin_part(self) -> None:
        self._valid = self._valid and len(self._parts) < _MOST_PARTS
        if self._valid:
            self._parts.append(_Part())

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += self._counted(data[start:end])

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._counted(data[start:end])

    def _counted(self, piece: bytes) -> bytes:
        self._header_bytes += len(piece)
        self._valid = self._valid and self._header_bytes <= _MOST_HEADER_BYTES
        return piece if self._valid else b""

    def _end_header(self) -> None:
        self._parts[-1].headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _add_content(self, data: bytes, start: int, end: int) -> None:
        self._parts[-1].content.update(memoryview(data)[start:end])

    def _end(self) -> None:
        self._complete = True


def _named(headers: Mapping[bytes, bytes]) -> tuple[str, str | None]:
    _, options = parse_options_header(headers.get(b"content-disposition", b""))
    filename = options.get(b"filename")
    return options.get(b"name", b"").decode("latin-1"), None if filename is None else filename.decode("latin-1")


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number


def _hashed(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
