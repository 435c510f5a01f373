"""Format of archives.

An archive is a tar file. Its members, in this order:

    header.json                                   format, version, time, salt of the passphrase
    secrets                                       encrypted; absent without secrets
    objects/<key>                                 stored objects
    databases/<service>/<collection>.jsonl        documents, one a line
    vectors.jsonl, events.jsonl
    members.jsonl                                 name, size and SHA-256 of each member before
    manifest.json                                 SHA-256 of that list, counts, warnings, and a MAC of all this
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Literal

from echo_common.clock import now
from echo_common.storage.port import checked_key
from echo_common.store.codec import decode
from echo_common.store.port import Document
from echo_embedded.backup.parts import SERVICES
from echo_embedded.backup.passphrase import Keys
from echo_embedded.backup.tar import TarError, TarMember, read_members
from echo_embedded.data_folder import CannotStartError, Secrets

FORMAT = 1
HEADER, SECRETS, VECTORS, EVENTS = "header.json", "secrets", "vectors.jsonl", "events.jsonl"
MEMBERS, MANIFEST = "members.jsonl", "manifest.json"
_DATABASE = re.compile(r"databases/([a-z]{1,40})/([a-z][A-Za-z0-9_.-]{0,100})\.jsonl")
_OBJECT = "objects/"
MIME = "mime"
"""The only label of a member: the type of an object."""

_LONGEST_LINE = 64 * 1024 * 1024

Report = Callable[[str, int, int | None], None]
"""Function that reports progress: the step, the amount done, and the total if it is known."""


class ArchiveError(CannotStartError):
    """An archive that cannot be restored; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Header:
    """Facts about an archive that are known before it is written."""

    format: int
    echo_version: str
    created_at: str
    form: str
    salt: str | None
    check: str | None

    @classmethod
    def create(cls, form: str, keys: Keys | None) -> "Header":
        """Create the header of an archive of now."""
        salt = None if keys is None else base64.b64encode(keys.salt).decode()
        return cls(FORMAT, _version(), now().isoformat(), form, salt, None if keys is None else keys.check)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Facts about an archive that are known when everything else is written. `counts` are numbers of things by kind."""

    members: int
    bytes: int
    counts: Mapping[str, int]
    warnings: Sequence[str]
    members_sha256: str


@dataclass(frozen=True, slots=True)
class Archive:
    """A verified archive; `secrets` are None where it holds none."""

    path: Path
    header: Header
    manifest: Manifest
    secrets: Secrets | None

    @property
    def created_at(self) -> datetime:
        """The time of the backup."""
        return datetime.fromisoformat(self.header.created_at)

    def describe(self) -> dict[str, Any]:
        """Return the facts for the operator."""
        shown = {name: getattr(self.header, name) for name in ("format", "echo_version", "created_at", "form")}
        counts = {"members": self.manifest.members, "bytes": self.manifest.bytes, **self.manifest.counts}
        return {
            "path": str(self.path),
            **shown,
            "secrets": self.secrets is not None,
            **counts,
            "warnings": [*self.manifest.warnings],
        }


Kind = Literal["header", "secrets", "object", "database", "vectors", "events"]


@dataclass(frozen=True, slots=True)
class Part:
    """The meaning of a member's name: `key` of an object, or `service` and `collection` of documents."""

    kind: Kind
    key: str = ""
    service: str = ""
    collection: str = ""

    @classmethod
    def of(cls, name: str) -> "Part":
        """Return the meaning of a name. Raises `ArchiveError` for any other name: it is never used as a path."""
        known: Mapping[str, Kind] = {HEADER: "header", SECRETS: "secrets", VECTORS: "vectors", EVENTS: "events"}
        if name in known:
            return cls(known[name])
        if (found := _DATABASE.fullmatch(name)) and found[1] in SERVICES:
            return cls("database", service=found[1], collection=found[2])
        try:
            if name.startswith(_OBJECT):
                return cls("object", key=checked_key(name.removeprefix(_OBJECT)))
        except ValueError:
            pass
        raise ArchiveError(f"The archive contains {name!r}, which is not part of a backup. Use another archive.")


@contextmanager
def open_contents(archive: Archive) -> Iterator[Iterator[tuple[Part, TarMember]]]:
    """Open a verified archive for its data: objects, documents, vectors and events, in the order of the archive."""

    def found(file: IO[bytes]) -> Iterator[tuple[Part, TarMember]]:
        for member in read_members(file):
            if member.name not in (HEADER, SECRETS, MEMBERS, MANIFEST):
                yield Part.of(member.name), member

    with open_archive(archive.path) as file:
        yield found(file)


def read_documents(member: TarMember) -> Iterator[Document]:
    """Yield the documents of a member."""
    return (document for _, document in read_lines(member))


def has_webhooks(archive: Archive) -> bool:
    """Return whether an archive holds webhooks, whose secrets are encrypted."""
    with open_contents(archive) as found:
        for part, member in found:
            if part.kind == "database" and (part.service, part.collection) == ("feedback", "webhooks"):
                return any("secret" in document for document in read_documents(member))  # erased ones have none
    return False


@contextmanager
def open_archive(path: Path) -> Iterator[IO[bytes]]:
    """Open an archive. Raises `ArchiveError` for a damaged tar file, `OSError`."""
    with path.open("rb") as file:
        try:
            yield file
        except TarError as error:
            raise ArchiveError(f"The archive {path} {error}. Nothing was changed; use another archive.") from error


def read_lines(member: TarMember) -> Iterator[tuple[bytes, Document]]:
    """Yield the lines of a member with their documents. Raises `TarError`, `ValueError`."""
    while line := member.content.readline(_LONGEST_LINE):
        if not line.endswith(b"\n"):
            raise TarError(f"is damaged: {member.name} has an incomplete line")
        document = decode(line)
        if not isinstance(document.get("_id"), str):
            raise TarError(f"is damaged: {member.name} has a line without an id")
        yield line, document


def encode_entry(name: str, size: int, digest: str, labels: Mapping[str, str]) -> bytes:
    """Return the line of a member in the list of members."""
    return encode_facts({"name": name, "size": size, "sha256": digest, "labels": dict(labels)}) + b"\n"


def encode_facts(facts: Mapping[str, Any]) -> bytes:
    """Return facts as JSON, always with the same bytes."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()


def _version() -> str:
    from importlib.metadata import version

    return version("echo-embedded")
