"""Types and dimensions of pictures, read from their content without decoding them."""

from dataclasses import dataclass

from echo_common.errors import UnsupportedMediaError

MAXIMUM_SIDE = 4096
_UNSUPPORTED = f"Send a PNG, JPEG or WebP picture with sides of at most {MAXIMUM_SIDE} pixels."
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})


@dataclass(frozen=True, slots=True)
class Picture:
    """The media type and dimensions of a picture."""

    mime: str
    width: int
    height: int


def read_picture(data: bytes) -> Picture:
    """Return the type and dimensions of a picture. Raises `UnsupportedMediaError`."""
    picture = _png(data) or _webp(data) or _jpeg(data)
    if picture is None or not (0 < picture.width <= MAXIMUM_SIDE and 0 < picture.height <= MAXIMUM_SIDE):
        raise UnsupportedMediaError(_UNSUPPORTED)
    return picture


def _png(data: bytes) -> Picture | None:
    if len(data) < 33 or data[:16] != b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR":
        return None
    return Picture("image/png", int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))


def _webp(data: bytes) -> Picture | None:
    if len(data) < 30 or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    else:
        return None
    return Picture("image/webp", width, height)


def _jpeg(data: bytes) -> Picture | None:
    if data[:3] != b"\xff\xd8\xff":
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _FRAME_HEADERS:
            return Picture("image/jpeg", int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7]))
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return None
