"""Writing of an archive."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from echo_embedded.backup.archive import HEADER, MANIFEST, MEMBERS, SECRETS, Header, Manifest, Part, encode_entry, encode_facts
from echo_embedded.backup.passphrase import Keys, authentication_code
from echo_embedded.backup.tar import TarWriter
from echo_embedded.data_folder import Secrets


class ArchiveWriter:
    """Writer of an archive; `scratch` is the folder of its temporary files."""

    def __init__(self, file: IO[bytes], header: Header, keys: Keys | None, scratch: Path) -> None:
        self._tar = TarWriter(file, int(datetime.fromisoformat(header.created_at).timestamp()))
        self._keys = keys
        self._list: IO[bytes] = TemporaryFile(dir=scratch)  # noqa: SIM115 - closed by `close`
        self._members = self._bytes = 0
        self.add_text(HEADER, encode_facts(asdict(header)))

    def add(self, name: str, content: IO[bytes], **labels: str) -> str:
        """Add a file from its beginning; return its SHA-256."""
        Part.of(name)
        size = content.seek(0, 2)
        content.seek(0)
        digest = self._tar.add(name, content, size, **labels)
        self._list.write(encode_entry(name, size, digest, labels))
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
        self.add_text(SECRETS, self._keys.encrypt(encode_facts(asdict(secrets))))

    def finish(self, counts: Mapping[str, int], warnings: Sequence[str]) -> Manifest:
        """Write the list of members and the manifest."""
        size = self._list.seek(0, 2)
        self._list.seek(0)
        digest = self._tar.add(MEMBERS, self._list, size)
        manifest = Manifest(self._members, self._bytes, counts, warnings, digest)
        facts = asdict(manifest)
        text = encode_facts({**facts, "mac": authentication_code(self._keys, encode_facts(facts))})
        with TemporaryFile() as file:
            file.write(text)
            file.seek(0)
            self._tar.add(MANIFEST, file, len(text))
        self._tar.close()
        return manifest

    def close(self) -> None:
        """Release the temporary file."""
        self._list.close()
