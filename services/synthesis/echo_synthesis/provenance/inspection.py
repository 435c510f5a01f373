"""Inspection of untrusted files: of their claims, only signed ones are believed; the watermark needs the key."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from echo_common.sandbox import run_sandboxed
from echo_synthesis.provenance.signers import Signer
from echo_synthesis.provenance.watermarks import Watermarks

Verdict = Literal["genuine", "changed", "foreign", "unreadable"]
"""Result of checking a manifest.

`genuine`: signed here, bytes intact; `changed`: signed here, bytes changed; `foreign`: signed by another party;
`unreadable`: damaged, or too large to check.
"""

_READING = "echo_synthesis.provenance.manifest_reader"
_MEMORY = 1 << 30
_SECONDS = 20
_ID3_HEADER = 10


@dataclass(frozen=True, slots=True)
class Mark:
    """A manifest, and the id of the provenance record it names, if that was signed."""

    verdict: Verdict
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """A file's SHA-256, in hex, its manifest, and whether its sound has the watermark of this installation."""

    checksum: str
    manifest: Mark | None
    watermark: bool


async def inspect(path: Path, signers: Sequence[Signer], watermarks: Watermarks) -> Inspection:
    """Inspect an untrusted file. A manifest that exceeds the reader's time or memory limit is `unreadable`."""
    checksum = await asyncio.to_thread(_digest, path)
    return Inspection(checksum, await _read_manifest(path, signers), await watermarks.find(path))


async def _read_manifest(path: Path, signers: Sequence[Signer]) -> Mark | None:
    mime = await asyncio.to_thread(marked_type, path)
    if mime is None:
        return None
    known = path.with_name("signers")
    await asyncio.to_thread(known.write_text, json.dumps([asdict(signer) for signer in signers]))
    response = await run_sandboxed(_READING, path, mime, known, _MEMORY, _SECONDS, seconds=3 * _SECONDS)
    if response is None:
        return Mark("unreadable")
    return Mark(response["verdict"], response.get("origin")) if response else None


def marked_type(path: Path) -> str | None:
    """Return the MIME type, detected from the content, of a file that may hold a manifest by Echo; None for others.

    FLAC has its manifest in an ID3 tag before the stream, as MP3 has.
    """
    with path.open("rb") as file:
        head = file.read(12)
        if head[:3] == b"ID3":
            size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:_ID3_HEADER], (21, 14, 7, 0), strict=False))
            file.seek(_ID3_HEADER + size)
            return "audio/flac" if file.read(4) == b"fLaC" else "audio/mpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "audio/wav"
    if head[:4] == b"fLaC":
        return "audio/flac"
    return "audio/mpeg" if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
