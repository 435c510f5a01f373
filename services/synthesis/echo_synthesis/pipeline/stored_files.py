"""The objects of a stored audio: the sound, long word timings, the segments, and a lossless copy of lossy sound."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from echo_common.audio.formats import FORMATS, AudioFormat
from echo_common.errors import EchoError
from echo_common.shielded import shielded
from echo_common.storage.port import ObjectStore
from echo_synthesis.domain import ProvenanceRecord
from echo_synthesis.pipeline.segment_table import SegmentsWriter
from echo_synthesis.provenance.recorder import ProvenanceRecorder
from echo_synthesis.timing.storage import TimesWriter

LOSSLESS = FORMATS["flac"]
"""Format of the lossless copy of lossy sound."""


class ObjectKeys(NamedTuple):
    """Keys of the objects that an attempt stores. Those that it does not need remain unused."""

    times: str
    segments: str
    lossless: str
    sound: str

    @classmethod
    def of(cls, prefix: str, audio: AudioFormat) -> "ObjectKeys":
        """Return the keys with a prefix that no other attempt has."""
        ends = ("times.jsonl", "segments.jsonl", f"lossless.{LOSSLESS.extension}", audio.extension)
        return cls(*(f"{prefix}.{end}" for end in ends))


@dataclass(frozen=True, slots=True)
class AudioFiles:
    """Local files of an audio; without `segments`, no segment can be replaced."""

    sound: Path
    mime: str
    times: TimesWriter
    segments: SegmentsWriter | None
    lossless: Path | None


class FileStorage:
    """Storage of audio files: signed and recorded where that is required, all of them or none."""

    def __init__(self, objects: ObjectStore, provenance: ProvenanceRecorder) -> None:
        self._objects = objects
        self._provenance = provenance

    async def store(self, files: AudioFiles, keys: ObjectKeys, record: ProvenanceRecord | None) -> Mapping[str, Any]:
        """Store the files and return the fields of `Audio` that describe them. After a failure, `remove` the keys."""
        sound = files.sound
        if record is not None:
            sound = await self._provenance.sign(sound, files.mime, record)
        words, times_key = await shielded(files.times.store(self._objects, keys.times))
        segments: Sequence[str] = ()
        segments_key: str | None = None
        if files.segments is not None:
            segments, segments_key = await shielded(files.segments.store(self._objects, keys.segments))
        further = 0
        if files.lossless is not None:
            further += (await shielded(self._objects.put_file(keys.lossless, files.lossless, LOSSLESS.mime))).size
        stored = await shielded(self._objects.put_file(keys.sound, sound, files.mime))
        if record is not None:
            await shielded(self._provenance.records.add(record.model_copy(update={"checksum": stored.checksum})))
        return {
            "object_key": stored.key,
            "mime": stored.mime,
            "size": stored.size,
            "checksum": stored.checksum,
            "words": words,
            "times_key": times_key,
            "segments": segments,
            "segments_key": segments_key,
            "lossless_key": keys.lossless if files.lossless is not None else None,
            "further_bytes": further,
        }

    async def remove(self, keys: ObjectKeys) -> None:
        """Remove the objects, if the storage is reachable."""
        for key in keys:
            with suppress(EchoError):
                await self._objects.delete(key)
