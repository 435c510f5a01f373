"""Removal of metadata from pictures: places, cameras, comments and thumbnails. The pixels stay as they are."""

from collections.abc import Iterator
from typing import Literal

from echo_common.errors import UnsupportedMediaError

_DAMAGED = "The picture is damaged; save it again with an image editor."
_PNG_SIGNATURE_BYTES = 8
_PNG_CHUNKS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"IEND"})
_WEBP_CHUNKS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"ANIM", b"ANMF"})
_WEBP_METADATA_FLAGS = 0x08 | 0x04  # Exif and XMP, in the first byte of VP8X
_APP, _COMMENT, _SCAN, _END = range(0xE0, 0xF0), 0xFE, 0xDA, 0xD9
_COLOUR_SEGMENTS = ((0xE0, b"JFIF\0"), (0xE2, b"ICC_PROFILE\0"), (0xEE, b"Adobe"))
_ORIENTATION_TAG, _SHORT, _ENTRY_BYTES = 0x0112, 3, 12


def remove_metadata(data: bytes, mime: str) -> bytes:
    """Return a picture without metadata and without bytes after its end. Raises `UnsupportedMediaError` if it is damaged."""
    try:
        return {"image/png": _png, "image/jpeg": _jpeg, "image/webp": _webp}[mime](data)
    except IndexError as error:
        raise UnsupportedMediaError(_DAMAGED) from error


def _png(data: bytes) -> bytes:
    kept, at = [data[:_PNG_SIGNATURE_BYTES]], _PNG_SIGNATURE_BYTES
    while True:
        end = at + 12 + int.from_bytes(data[at : at + 4])
        kind = data[at + 4 : at + 8]
        if end > len(data):
            raise IndexError
        if kind in _PNG_CHUNKS:
            kept.append(data[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end


def _webp(data: bytes) -> bytes:
    kept, at, size = [b"WEBP"], 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= size:
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        if at + 8 + length > len(data):
            raise IndexError
        if kind == b"VP8X":
            kept.append(data[at : at + 8] + bytes([data[at + 8] & ~_WEBP_METADATA_FLAGS]) + data[at + 9 : end])
        elif kind in _WEBP_CHUNKS:
            kept.append(data[at:end])
        at = end
    body = b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _jpeg(data: bytes) -> bytes:
    kept = [data[:2]]
    for marker, part in _segments(data):
        if marker == 0xE1 and (orientation := _orientation(part[4:])):
            kept.append(_exif_with(orientation))
        elif _is_picture(marker, part[4:]):
            kept.append(part)
    return b"".join([*kept, bytes([0xFF, _END])])


def _is_picture(marker: int, content: bytes) -> bool:
    if marker in _APP:
        return any(marker == kind and content.startswith(name) for kind, name in _COLOUR_SEGMENTS)
    return marker != _COMMENT


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the segments up to the end of the picture, each scan with its data. Raises `IndexError` if there is no scan."""
    at, scanned = 2, False
    while True:
        if scanned and at + 4 > len(data):
            return  # cut off, which decoders tolerate
        if data[at] != 0xFF:
            raise IndexError
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == _END:
            if not scanned:
                raise IndexError
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if end < at + 4 or end > len(data):
            raise IndexError
        if marker == _SCAN:
            scanned, end = True, _scan_end(data, end)
        yield marker, data[at:end]
        at = end


def _scan_end(data: bytes, at: int) -> int:
    """Return the position of the marker after a scan's data, which holds stuffed bytes and restart markers."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        following = data[at + 1]
        if following not in {0x00, 0xFF} and not 0xD0 <= following <= 0xD7:
            return at
        at += 1 if following == 0xFF else 2
    return len(data)


def _orientation(content: bytes) -> int | None:
    """Return the orientation in an Exif segment, without which a turned camera's picture would lie on its side."""
    tiff = content[6:]
    if not content.startswith(b"Exif\0\0") or tiff[:2] not in {b"II", b"MM"}:
        return None
    order: Literal["little", "big"] = "little" if tiff[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)

    table = number(4, 4)
    for entry in range(table + 2, min(table + 2 + number(table, 2) * _ENTRY_BYTES, len(tiff)), _ENTRY_BYTES):
        if number(entry, 2) == _ORIENTATION_TAG and number(entry + 2, 2) == _SHORT:
            found = number(entry + 8, 2)
            return found if 1 < found <= 8 else None
    return None


def _exif_with(orientation: int) -> bytes:
    entry = _ORIENTATION_TAG.to_bytes(2) + _SHORT.to_bytes(2) + (1).to_bytes(4) + orientation.to_bytes(2) + bytes(2)
    content = b"Exif\0\0MM\0*" + (8).to_bytes(4) + (1).to_bytes(2) + entry + bytes(4)
    return b"\xff\xe1" + (len(content) + 2).to_bytes(2) + content
