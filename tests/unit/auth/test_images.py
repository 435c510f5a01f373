"""Tests of the types and dimensions of pictures."""

import struct

import pytest

from echo_auth.domain.images import read_picture
from echo_common.contracts.errors.voice import UnsupportedMediaError


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 6, 0, 0, 0) + b"\0" * 4


def jpeg(width: int, height: int, *, segments: bytes = b"") -> bytes:
    frame = b"\xff\xc2" + struct.pack(">HBHH", 17, 8, height, width) + b"\0" * 10
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + b"\0" * 9 + segments + frame


def webp(chunk: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk + b"\0" * 20


LOSSY = b"VP8 " + struct.pack("<I", 10) + b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 30, 20)
LOSSLESS = b"VP8L" + struct.pack("<I", 5) + b"\x2f" + struct.pack("<I", 29 | 19 << 14)
EXTENDED = b"VP8X" + struct.pack("<I", 10) + b"\0" * 4 + b"\x1d\0\0\x13\0\0"


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (png(30, 20), "image/png"),
        (jpeg(30, 20), "image/jpeg"),
        (jpeg(30, 20, segments=b"\xff\xff\xdb\x00\x04ab"), "image/jpeg"),
        (webp(LOSSY), "image/webp"),
        (webp(LOSSLESS), "image/webp"),
        (webp(EXTENDED), "image/webp"),
    ],
)
def test_pictures_are_recognised_by_their_content(data: bytes, mime: str):
    picture = read_picture(data)

    assert (picture.mime, picture.width, picture.height) == (mime, 30, 20)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + b"\0" * 40,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        png(30, 20)[:20],
        png(0, 20),
        png(5000, 20),
        png(20, 2**32 - 1),
        jpeg(5000, 20),
        jpeg(30, 20)[:22],
        b"\xff\xd8\xff\xe0\x00\x00" * 1000,
        webp(b"VP9 " + b"\0" * 20),
        b"RIFF",
    ],
    ids=range(12),
)
def test_other_files_and_large_dimensions_are_refused(data: bytes):
    with pytest.raises(UnsupportedMediaError):
        read_picture(data)
