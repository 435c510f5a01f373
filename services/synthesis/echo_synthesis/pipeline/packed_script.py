"""Packed scripts: the segments of a text as compressed lines, which are small in memory and stored with jobs."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from echo_synthesis.engine import EngineSpec
from echo_synthesis.text.script import Part, Pause, Segment
from echo_synthesis.text.wire import line_of, read_line

FORMAT = 1
"""Format number of the packed lines; a script in another format is planned again."""

_SLICE = 4_096


@dataclass(frozen=True, slots=True)
class SpacedSegment:
    """A segment and the seconds of silence before and after it."""

    segment: Segment
    before: float = 0.0
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class PackedScript:
    """Segments in order, unpacked one after the other: at a tenth of their size, because a text may wait for its client.

    `data` starts with a line that holds the format, the engine's limits and the totals. `word_count` counts written words,
    `characters` the spoken characters of all segments.
    """

    data: bytes
    count: int
    word_count: int
    characters: int

    @classmethod
    def pack(cls, segments: Sequence[SpacedSegment], engine: EngineSpec) -> Self:
        """Pack the segments of a text that was planned for an engine."""
        totals = {
            "count": len(segments),
            "word_count": sum(len(spaced.segment.words) for spaced in segments),
            "characters": sum(len(spaced.segment.text) for spaced in segments),
        }
        compressor = zlib.compressobj()
        packs = [compressor.compress(json.dumps({**_made_for(engine), **totals}).encode() + b"\n")]
        packs += [compressor.compress(line_of(part)) for spaced in segments for part in parts_of(spaced)]
        return cls(b"".join([*packs, compressor.flush()]), **totals)

    @classmethod
    def read(cls, data: bytes, engine: EngineSpec) -> Self | None:
        """Return the packed script, or None if it is damaged, of another format, or was planned for another engine."""
        try:
            header = json.loads(next(_lines(data)))
            wanted = _made_for(engine)
            if {name: header.get(name) for name in wanted} != wanted or not _is_intact(data):
                return None
            return cls(data, int(header["count"]), int(header["word_count"]), int(header["characters"]))
        except (zlib.error, ValueError, TypeError, AttributeError, KeyError, StopIteration):
            return None

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[SpacedSegment]:
        lines = _lines(self.data)
        next(lines)
        return spaced_segments(map(read_part, lines))


def spaced_segments(parts: Iterable[Part]) -> Iterator[SpacedSegment]:
    """Yield the segments, each pause as silence around them: before the first, after every other one."""
    before, current = 0.0, None
    for part in parts:
        if isinstance(part, Segment):
            if current is not None:
                yield current
            current, before = SpacedSegment(part, before), 0.0
        elif current is not None:
            current = replace(current, after=current.after + part.seconds)
        else:
            before += part.seconds
    if current is not None:
        yield current


def parts_of(spaced: SpacedSegment) -> Iterator[Part]:
    """Yield a segment and the pauses around it."""
    if spaced.before:
        yield Pause(spaced.before)
    yield spaced.segment
    if spaced.after:
        yield Pause(spaced.after)


def _made_for(engine: EngineSpec) -> Mapping[str, Any]:
    return {
        "format": FORMAT,
        "engine": engine.name,
        "max_characters": engine.max_characters,
        "phonemes": engine.phonemes,
    }


def _is_intact(data: bytes) -> bool:
    """Return whether the stream is complete. Raises `zlib.error` if its checksum does not match."""
    inflater = zlib.decompressobj()
    for start in range(0, len(data), _SLICE):
        inflater.decompress(data[start : start + _SLICE])
    return inflater.eof


def _lines(data: bytes) -> Iterator[bytes]:
    inflater, rest = zlib.decompressobj(), b""
    for start in range(0, len(data), _SLICE):
        *lines, rest = (rest + inflater.decompress(data[start : start + _SLICE])).split(b"\n")
        yield from lines


def read_part(line: bytes) -> Part:
    """Decode a part of a script. Raises the error that the line holds instead."""
    part = read_line(line)
    if isinstance(part, Exception):
        raise part
    return part
