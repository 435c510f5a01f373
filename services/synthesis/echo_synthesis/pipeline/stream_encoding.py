"""Encoding of speech as one stream of bytes, with its checks, totals and provenance record."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Self

from echo_common.audio.formats import FORMATS
from echo_common.scratch import Scratch
from echo_synthesis.audio.effects import Effects
from echo_synthesis.audio.encode import Encoder
from echo_synthesis.domain import ProvenanceRecord, WordTiming
from echo_synthesis.pipeline.assembly import AssemblyCheck
from echo_synthesis.pipeline.narration import Narration, SpokenSegment
from echo_synthesis.pipeline.spool import in_pieces
from echo_synthesis.pipeline.totals import Totals
from echo_synthesis.provenance.recorder import ProvenanceRecorder


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a stream: bytes, possibly empty, their words (timings relative to the whole), and the totals so far."""

    audio: bytes
    words: Sequence[WordTiming]
    totals: Totals
    last: bool = False


class EncodedStream:
    """One encoder for all segments of a stream.

    A stream cannot hold a manifest: its provenance record is written before the first byte, its checksum before the last.
    """

    def __init__(
        self, narration: Narration, record: ProvenanceRecord | None, provenance: ProvenanceRecorder, scratch: Scratch
    ) -> None:
        settings, rate = narration.settings, narration.engine.sample_rate
        self.totals = Totals(narration)
        self._encoder = Encoder(FORMATS[settings.output_format], settings.sample_rate, source_rate=rate)
        watermarker = provenance.watermarker(settings, narration.engine)
        self._effects = Effects(rate, pitch=settings.pitch, volume=settings.volume, watermarker=watermarker)
        self._check = AssemblyCheck(narration)
        self._record = record
        self._provenance = provenance
        self._scratch = scratch
        self._digest = hashlib.sha256()

    @classmethod
    async def begin(cls, narration: Narration, user_id: str, provenance: ProvenanceRecorder, scratch: Scratch) -> Self:
        """Write the provenance record and return the stream."""
        record = provenance.record_of(narration.settings, narration.engine, user_id=user_id)
        if record is not None:
            await provenance.records.add(record)
        return cls(narration, record, provenance, scratch)

    def extend(self, narration: Narration) -> None:
        """Expect the segments of a narration that continues the stream."""
        self.totals.extend(narration)
        self._check.extend(narration)

    async def encode(self, segment: SpokenSegment) -> AsyncGenerator[Part, None]:
        """Yield the bytes of a segment; the first part has its words. Raises `ImplausibleSpeechError`."""
        self._check.add(segment)
        block = await asyncio.to_thread(self._encode, segment)
        self.totals.add(segment)
        self._digest.update(block)
        words = segment.words
        del segment  # frees its samples while the client reads
        pieces = in_pieces(block, self._scratch)
        del block
        async with aclosing(pieces):
            async for piece in pieces:
                yield Part(piece, words, self.totals)
                words = ()

    async def finish(self) -> Part:
        """Return the remaining bytes. Raises `ImplausibleSpeechError`."""
        rest = await asyncio.to_thread(self._encode_rest)
        self._digest.update(rest)
        if self._record is not None:
            await self._provenance.records.complete(self._record, self._digest.hexdigest())
        return Part(rest, (), self.totals, last=True)

    def _encode(self, segment: SpokenSegment) -> bytes:
        return self._encoder.feed(self._check.encode(self._effects.feed(segment.speech.samples)))

    def _encode_rest(self) -> bytes:
        rest = self._encoder.feed(self._check.encode(self._effects.close())) + self._encoder.close()
        self._check.finish(self._encoder.seconds)
        return rest
