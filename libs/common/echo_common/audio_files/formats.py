"""Detection of a file's container format from its content; the file name is not trusted."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from echo_common.errors import UnsupportedMediaError

_UNSUPPORTED = "This media type is not supported; send WAV, MP3, FLAC, OGG, M4A, WebM, or a video with sound."
_SNIFFED = 64
_ID3_HEADER = 10


@dataclass(frozen=True, slots=True)
class Container:
    """A container format: its FFmpeg demuxer, its MIME type, and whether it is a video format."""

    demuxer: str
    mime: str
    video: bool = False


_WAV = Container("wav", "audio/wav")
_MP3 = Container("mp3", "audio/mpeg")
_MAGIC: tuple[tuple[Callable[[bytes], bool], Container], ...] = (
    (lambda head: head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE", _WAV),
    (lambda head: head[:4] == b"fLaC", Container("flac", "audio/flac")),
    (lambda head: head[:4] == b"OggS", Container("ogg", "audio/ogg")),
    (lambda head: head[:3] == b"ID3", _MP3),
    (lambda head: head[4:8] == b"ftyp" and head[8:11] in {b"M4A", b"M4B"}, Container("mov", "audio/mp4")),
    (lambda head: head[4:8] == b"ftyp", Container("mov", "video/mp4", video=True)),
    (lambda head: head[:4] == b"\x1a\x45\xdf\xa3" and b"webm" in head, Container("matroska", "video/webm", video=True)),
    (lambda head: head[:4] == b"\x1a\x45\xdf\xa3", Container("matroska", "video/x-matroska", video=True)),
    (lambda head: head[:4] == b"RIFF" and head[8:12] == b"AVI ", Container("avi", "video/x-msvideo", video=True)),
    (lambda head: _starts_frame(head, 0xF6, 0xF0), Container("aac", "audio/aac")),
    (lambda head: _starts_frame(head, 0xE0, 0xE0), _MP3),
)

MEDIA_TYPES = tuple(dict.fromkeys(container.mime for _, container in _MAGIC))
"""Media types of uploaded samples."""


def sniff(path: Path) -> Container:
    """Detect a file's container format from its first bytes. Raises `UnsupportedMediaError`."""
    with path.open("rb") as file:
        head = file.read(_SNIFFED)
        if head[:3] == b"ID3":  # usually followed by MP3; FLAC files that Echo signed have an ID3 tag too
            file.seek(_ID3_HEADER + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False)))
            behind = file.read(4)
            head = behind if behind == b"fLaC" else head
    if not head:
        raise UnsupportedMediaError("The file is empty.")
    found = next((container for fits, container in _MAGIC if fits(head)), None)
    if found is None:
        raise UnsupportedMediaError(_UNSUPPORTED)
    return found


def _starts_frame(head: bytes, mask: int, value: int) -> bool:
    return len(head) > 1 and head[0] == 0xFF and head[1] & mask == value
