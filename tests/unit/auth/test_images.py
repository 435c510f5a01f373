"""Tests of the types and dimensions of pictures."""

import struct

import pytest

from echo_auth.domain.image_metadata import remove_metadata
from echo_auth.domain.images import read_picture
from echo_common.errors import UnsupportedMediaError


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + b"\0" * 4


def png(width: int, height: int, more: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(b"IDAT", b"pixels") + chunk(b"IEND", b"")


def jpeg(width: int, height: int, *, segments: bytes = b"") -> bytes:
    frame = b"\xff\xc2" + struct.pack(">HBHH", 17, 8, height, width) + b"\0" * 10
    scan = b"\xff\xda\x00\x08" + b"\0" * 6 + b"pixels\xff\x00\xff\xd0more"
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + b"\0" * 9 + segments + frame + scan + b"\xff\xd9"


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


PLACE = b"52.5200 N 13.4050 E"


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def exif(order: str, orientation: int) -> bytes:
    mark, letter = (b"II*\0", "<") if order == "little" else (b"MM\0*", ">")
    entries = struct.pack(f"{letter}HHHIHHHHII", 2, 0x0112, 3, 1, orientation, 0, 0x8825, 4, 1, 38)
    return b"Exif\0\0" + mark + struct.pack(f"{letter}I", 8) + entries + b"\0" * 4 + PLACE


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


PIXELS = (b"VP8L", LOSSLESS[8:])
METADATA = chunk(b"tEXt", b"Comment\0" + PLACE) + chunk(b"eXIf", PLACE) + chunk(b"iTXt", PLACE) + chunk(b"prVt", PLACE)
SEGMENTS = (
    segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PLACE)
    + segment(0xED, PLACE)
    + segment(0xFE, PLACE)
    + segment(0xE2, b"MPF\0" + PLACE)
)


@pytest.mark.parametrize(
    ("mime", "data", "expected"),
    [
        ("image/png", png(30, 20, METADATA) + PLACE, png(30, 20)),
        ("image/jpeg", jpeg(30, 20, segments=SEGMENTS + segment(0xE1, exif("big", 1))) + PLACE, jpeg(30, 20)),
        ("image/jpeg", jpeg(30, 20)[:-2], jpeg(30, 20)),
        (
            "image/webp",
            riff((b"VP8X", b"\x1c" + EXTENDED[9:18]), PIXELS, (b"EXIF", PLACE), (b"XMP ", PLACE)) + PLACE,
            riff((b"VP8X", b"\x10" + EXTENDED[9:18]), PIXELS),
        ),
        ("image/webp", riff(PIXELS, (b"note", PLACE)), riff(PIXELS)),
    ],
    ids=["png", "jpeg", "jpeg without end", "webp", "plain webp"],
)
def test_metadata_are_removed_and_pixels_kept(mime: str, data: bytes, expected: bytes):
    assert remove_metadata(data, mime) == expected


@pytest.mark.parametrize("order", ["little", "big"])
def test_the_orientation_alone_is_kept(order: str):
    cleaned = remove_metadata(jpeg(30, 20, segments=segment(0xE1, exif(order, 6))), "image/jpeg")

    assert PLACE not in cleaned
    kept = cleaned[cleaned.index(b"Exif") : cleaned.index(b"Exif") + 32]
    assert kept == b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06" + b"\0" * 6
    assert (read_picture(cleaned).width, remove_metadata(cleaned, "image/jpeg")) == (30, cleaned)


@pytest.mark.parametrize(
    ("mime", "data"),
    [
        ("image/png", png(30, 20)[:-6]),
        ("image/png", png(30, 20, struct.pack(">I", 2**31) + b"tEXt")),
        ("image/jpeg", jpeg(30, 20)[:30]),
        ("image/jpeg", b"\xff\xd8\xff\xe0\x00\x00" + b"\0" * 20),
        ("image/jpeg", b"\xff\xd8\xff\xd9"),
        ("image/webp", riff((b"VP8X", b"\0" * 10))[:16] + struct.pack("<I", 2**31)),
    ],
)
def test_damaged_pictures_are_refused(mime: str, data: bytes):
    with pytest.raises(UnsupportedMediaError):
        remove_metadata(data, mime)
