"""Verification of an archive before a restore writes anything."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from echo_embedded.backup.archive import (
    FORMAT,
    HEADER,
    MANIFEST,
    MEMBERS,
    MIME,
    SECRETS,
    Archive,
    ArchiveError,
    Header,
    Manifest,
    Part,
    Report,
    encode_entry,
    encode_facts,
    open_archive,
    read_lines,
)
from echo_embedded.backup.passphrase import Keys, PassphraseError, authentication_code
from echo_embedded.backup.tar import COPIED_BYTES, TarError, TarMember, read_members
from echo_embedded.data_folder import Secrets

_MOST_METADATA = 1024 * 1024


def verify(
    path: Path, passphrase: Callable[[], str], report: Report, scratch: Path | None = None, *, sealed: bool = False
) -> Archive:
    """Verify every byte of an archive; write nothing.

    `passphrase` is called for an archive with secrets; with `sealed`, one without secrets, which anybody could have written, is
    refused. Raises `ArchiveError` for a damaged, forged, truncated, foreign or newer archive, `PassphraseError`, `OSError`.
    """
    with open_archive(path) as file, TemporaryFile(dir=scratch) as listed:
        try:
            return _Verification(path, file, listed, passphrase, report, sealed=sealed).run()
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ArchiveError(f"The archive {path} is damaged. Nothing was changed; use another archive.") from error


class _Verification:
    def __init__(
        self, path: Path, file: IO[bytes], listed: IO[bytes], passphrase: Callable[[], str], report: Report, *, sealed: bool
    ) -> None:
        self._path = path
        self._file = file
        self._listed = listed
        self._passphrase = passphrase
        self._report = report
        self._sealed = sealed
        self._size = file.seek(0, 2)
        self._keys: Keys | None = None
        file.seek(0)

    def run(self) -> Archive:
        header: Header | None = None
        secrets: Secrets | None = None
        digest = ""
        manifest: Manifest | None = None
        for member in read_members(self._file):
            self._check_place(member, digest, ended=manifest is not None)
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

    def _check_place(self, member: TarMember, digest: str, *, ended: bool) -> None:
        if ended:
            raise self._damaged("continues behind its end")
        if digest and member.name != MANIFEST:
            raise self._damaged("has members behind their list")
        if member.labels.keys() - {MIME}:
            raise self._damaged(f"is damaged: {member.name} has unknown labels")

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
        if self._sealed and header.salt is None:
            raise ArchiveError(
                f"The archive {self._path} has no secrets, so the passphrase does not protect it from forgery. Use another archive, "
                "or restore it with --without-secrets."
            )
        if header.salt is not None:
            self._keys = Keys.derive(self._passphrase(), base64.b64decode(header.salt, validate=True))
            if not hmac.compare_digest(self._keys.check, header.check or ""):
                raise PassphraseError("The passphrase is not the one with which this archive was made.")
        self._listed.write(encode_entry(member.name, len(text), sha256(text).hexdigest(), {}))
        return header

    def _secrets(self, member: TarMember) -> Secrets:
        text = _small(member)
        self._listed.write(encode_entry(member.name, len(text), sha256(text).hexdigest(), {}))
        if self._keys is None:
            raise self._damaged("lacks the salt of its passphrase")
        return Secrets(**json.loads(self._keys.decrypt(text)))

    def _content(self, member: TarMember) -> Iterator[bytes]:
        """Yield the content; check that documents can be read."""
        if Part.of(member.name).kind == "object":
            return iter(lambda: member.content.read(COPIED_BYTES), b"")
        return (text for text, _ in read_lines(member))

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
        if not hmac.compare_digest(authentication_code(self._keys, encode_facts(facts)), told):
            raise self._damaged("is damaged: its manifest was changed")
        manifest = Manifest(**facts)
        if manifest.members_sha256 != digest:
            raise self._damaged("is damaged: its list of members was changed")
        return manifest


def _digested(member: TarMember, blocks: Iterator[bytes]) -> bytes:
    digest = sha256()
    for block in blocks:
        digest.update(block)
    return encode_entry(member.name, member.size, digest.hexdigest(), member.labels)


def _small(member: TarMember) -> bytes:
    if member.size > _MOST_METADATA:
        raise TarError(f"has a {member.name} that is too large")
    return member.content.read()
