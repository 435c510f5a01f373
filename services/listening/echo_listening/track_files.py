"""Local copies of the files of tracks."""

import asyncio
import struct
from pathlib import Path
from typing import Final, Protocol

from echo_common.contracts.errors.tracks import TrackWithoutAudioError
from echo_common.storage.port import ObjectNotFoundError, ObjectStore

_RAW: Final = {"audio/pcm": (1, 2), "audio/basic": (7, 1), "audio/pcmu": (7, 1)}
"""Format tag of WAV, and bytes of a sample, of the media types of files without a header, which are mono."""

_RATES: Final = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


class TrackFile(Protocol):
    """The file of a track, as in `Track`."""

    @property
    def object_key(self) -> str | None:
        """Key of its object; None without audio."""

    @property
    def mime(self) -> str | None:
        """Its media type."""

    @property
    def size(self) -> int | None:
        """Its size in bytes."""

    @property
    def duration(self) -> float | None:
        """Its length in seconds."""


async def fetch(track: TrackFile, target: Path, objects: ObjectStore) -> None:
    """Copy the file of a track to `target`; audio without a header gets that of a WAV file.

    Raises `TrackWithoutAudioError` if the track has no file, or its object is missing, and the errors of storage.
    """
    if track.object_key is None:
        raise TrackWithoutAudioError
    try:
        with target.open("wb") as file:
            await asyncio.to_thread(file.write, _header(track))
            async for block in objects.read(track.object_key):
                await asyncio.to_thread(file.write, block)
    except ObjectNotFoundError as error:
        raise TrackWithoutAudioError from error


def _header(track: TrackFile) -> bytes:
    """Return the header that a raw file lacks, with the usual rate that is nearest to the track's duration."""
    raw = _RAW.get((track.mime or "").partition(";")[0].strip().lower())
    size, duration = track.size, track.duration
    if raw is None or not size or not duration:
        return b""
    tag, width = raw
    measured = size / width / duration
    rate = min(_RATES, key=lambda usual: abs(usual - measured))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, 1, rate, rate * width, width, 8 * width)
    return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size)
