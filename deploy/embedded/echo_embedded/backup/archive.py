"""Archives: the format, writing, and verification of everything before a restore writes anything.

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
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal

from echo_common.clock import now
from echo_common.storage.port import checked_key
from echo_common.store.codec import decode
from echo_common.store.port import Document
from echo_embedded.backup.parts import SERVICES
from echo_embedded.backup.passphrase import Keys, PassphraseError, authentication_code
from echo_embedded.backup.tar import COPIED_BYTES, TarError, TarMember, TarWriter, members
from echo_embedded.data_folder import CannotStartError, Secrets

FORMAT = 1
HEADER, SECRETS, VECTORS, EVENTS = "header.json", "secrets", "vectors.jsonl", "events.jsonl"
MEMBERS, MANIFEST = "members.jsonl", "manifest.json"
_DATABASE = re.compile(r"databases/([a-z]{1,40})/([a-z][A-Za-z0-9_.-]{0,100})\.jsonl")
_OBJECT = "objects/"
_LONGEST_LINE = 64 * 1024 * 1024
_MOST_METADATA = 1024 * 1024

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

    def report(self) -> dict[str, Any]:
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


class ArchiveWriter:
    """Writer of an archive; `scratch` is the folder of its temporary files."""

    def __init__(self, file: IO[bytes], header: Header, keys: Keys | None, scratch: Path) -> None:
        self._tar = TarWriter(file, int(datetime.fromisoformat(header.created_at).timestamp()))
        self._keys = keys
        self._list: IO[bytes] = TemporaryFile(dir=scratch)  # noqa: SIM115 - closed by `close`
        self._members = self._bytes = 0
        self.add_text(HEADER, _canonical(asdict(header)))

    def add(self, name: str, content: IO[bytes], **labels: str) -> str:
        """Add a file from its beginning; return its SHA-256."""
        Part.of(name)
        size = content.seek(0, 2)
        content.seek(0)
        digest = self._tar.add(name, content, size, **labels)
        self._list.write(_line(name, size, digest, labels))
        self._members += 1
        self._bytes += size
        return digest

    def add_text(self, name: str, text: bytes) -> None:
        """Add a small member."""
        with TemporaryFile() as file:
            file.write(text)
            self.add(name, file)

    def add_secrets(self, secrets: Secrets) -> None:
        """Add the secrets, encrypted."""
        if self._keys is None:
            raise AssertionError("secrets need a passphrase")
        self.add_text(SECRETS, self._keys.encrypt(_canonical(asdict(secrets))))

    def finish(self, counts: Mapping[str, int], warnings: Sequence[str]) -> Manifest:
        """Write the list of members and the manifest."""
        size = self._list.seek(0, 2)
        self._list.seek(0)
        digest = self._tar.add(MEMBERS, self._list, size)
        manifest = Manifest(self._members, self._bytes, counts, warnings, digest)
        facts = asdict(manifest)
        text = _canonical({**facts, "mac": authentication_code(self._keys, _canonical(facts))})
        with TemporaryFile() as file:
            file.write(text)
            file.seek(0)
            self._tar.add(MANIFEST, file, len(text))
        self._tar.close()
        return manifest

    def close(self) -> None:
        """Release the temporary file."""
        self._list.close()


def verify(path: Path, passphrase: Callable[[], str], report: Report, scratch: Path | None = None) -> Archive:
    """Verify every byte of an archive; write nothing.

    `passphrase` is called for an archive with secrets. Raises `ArchiveError` for a damaged, truncated, foreign or newer archive,
    `PassphraseError`, `OSError`.
    """
    with _readable(path) as file, TemporaryFile(dir=scratch) as listed:
        try:
            return _Verification(path, file, listed, passphrase, report).run()
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ArchiveError(f"The archive {path} is damaged. Nothing was changed; use another archive.") from error


class _Verification:
    def __init__(self, path: Path, file: IO[bytes], listed: IO[bytes], passphrase: Callable[[], str], report: Report) -> None:
        self._path = path
        self._file = file
        self._listed = listed
        self._passphrase = passphrase
        self._report = report
        self._size = file.seek(0, 2)
        self._keys: Keys | None = None
        file.seek(0)

    def run(self) -> Archive:
        header: Header | None = None
        secrets: Secrets | None = None
        digest = ""
        manifest: Manifest | None = None
        for member in members(self._file):
            if manifest is not None:
                raise self._damaged("continues behind its end")
            if header is None:
                header = self._header(member)
            elif member.name == MEMBERS:
                digest = self._compare_list(member)
            elif member.name == MANIFEST:
                manifest = self._manifest(member, digest)
            elif member.name == SECRETS:
                secrets = self._secrets(member)
            else:
                self._listed.write(_digested(member, self._content(member)))
            self._report("Verifying", self._file.tell(), self._size)
        if header is None or manifest is None:
            raise self._damaged("is truncated")
        if (header.salt is None) is not (secrets is None):
            raise self._damaged("lacks its secrets")
        return Archive(self._path, header, manifest, secrets)

    def _damaged(self, reason: str) -> ArchiveError:
        return ArchiveError(f"The archive {self._path} {reason}. Nothing was changed; use another archive.")

    def _header(self, member: TarMember) -> Header:
        text = _small(member)
        if member.name != HEADER:
            raise self._damaged("is not an archive of Echo")
        facts = json.loads(text)
        if facts["format"] != FORMAT:
            raise ArchiveError(
                f"The archive {self._path} has format {facts['format']}, and this version of Echo reads format {FORMAT}: "
                f"restore it with Echo {facts.get('echo_version')}."
            )
        header = Header(**facts)
        if header.salt is not None:
            self._keys = Keys.derive(self._passphrase(), base64.b64decode(header.salt, validate=True))
            if not hmac.compare_digest(self._keys.check, header.check or ""):
                raise PassphraseError("The passphrase is not the one with which this archive was made.")
        self._listed.write(_line(member.name, len(text), sha256(text).hexdigest(), {}))
        return header

    def _secrets(self, member: TarMember) -> Secrets:
        text = _small(member)
        self._listed.write(_line(member.name, len(text), sha256(text).hexdigest(), {}))
        if self._keys is None:
            raise self._damaged("lacks the salt of its passphrase")
        return Secrets(**json.loads(self._keys.decrypt(text)))

    def _content(self, member: TarMember) -> Iterator[bytes]:
        """Yield the content; check that documents can be read."""
        if Part.of(member.name).kind == "object":
            return iter(lambda: member.content.read(COPIED_BYTES), b"")
        return (text for text, _ in _lines(member))

    def _compare_list(self, member: TarMember) -> str:
        """Compare the list in the archive with the members before it; return its SHA-256."""
        digest = sha256()
        self._listed.seek(0)
        for computed in self._listed:
            line = member.content.readline(_MOST_METADATA)
            digest.update(line)
            if line != computed:
                raise self._damaged(f"is damaged: {json.loads(computed)['name']} differs from its SHA-256")
        if member.content.read(1):
            raise self._damaged("lacks some of its members")
        return digest.hexdigest()

    def _manifest(self, member: TarMember, digest: str) -> Manifest:
        facts = json.loads(_small(member))
        told = facts.pop("mac")
        if not hmac.compare_digest(authentication_code(self._keys, _canonical(facts)), told):
            raise self._damaged("is damaged: its manifest was changed")
        manifest = Manifest(**facts)
        if manifest.members_sha256 != digest:
            raise self._damaged("is damaged: its list of members was changed")
        return manifest


@contextmanager
def contents(archive: Archive) -> Iterator[Iterator[tuple[Part, TarMember]]]:
    """Open a verified archive for its data: objects, documents, vectors and events, in the order of the archive."""

    def found(file: IO[bytes]) -> Iterator[tuple[Part, TarMember]]:
        for member in members(file):
            if member.name not in (HEADER, SECRETS, MEMBERS, MANIFEST):
                yield Part.of(member.name), member

    with _readable(archive.path) as file:
        yield found(file)


def documents(member: TarMember) -> Iterator[Document]:
    """Yield the documents of a member."""
    return (document for _, document in _lines(member))


@contextmanager
def _readable(path: Path) -> Iterator[IO[bytes]]:
    """Open an archive. Raises `ArchiveError` for a damaged tar file, `OSError`."""
    with path.open("rb") as file:
        try:
            yield file
        except TarError as error:
            raise ArchiveError(f"The archive {path} {error}. Nothing was changed; use another archive.") from error


def _lines(member: TarMember) -> Iterator[tuple[bytes, Document]]:
    while line := member.content.readline(_LONGEST_LINE):
        if not line.endswith(b"\n"):
            raise TarError(f"is damaged: {member.name} has an incomplete line")
        document = decode(line)
        if not isinstance(document.get("_id"), str):
            raise TarError(f"is damaged: {member.name} has a line without an id")
        yield line, document


def _digested(member: TarMember, blocks: Iterator[bytes]) -> bytes:
    digest = sha256()
    for block in blocks:
        digest.update(block)
    return _line(member.name, member.size, digest.hexdigest(), member.labels)


def _small(member: TarMember) -> bytes:
    if member.size > _MOST_METADATA:
        raise TarError(f"has a {member.name} that is too large")
    return member.content.read()


def _line(name: str, size: int, digest: str, labels: Mapping[str, str]) -> bytes:
    return _canonical({"name": name, "size": size, "sha256": digest, **labels}) + b"\n"


def _canonical(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()


def _version() -> str:
    from importlib.metadata import version

    return version("echo-embedded")
