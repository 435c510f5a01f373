"""Recording of speech: as stored audio, or as a stream of bytes."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from echo_common.contracts.values import Alignment
from echo_common.ids import new_id
from echo_common.scratch import Scratch
from echo_common.shielded import shielded
from echo_common.storage.port import ObjectStore
from echo_synthesis.audio.effects import Effects
from echo_synthesis.audio.encode import Encoder, FileEncoder
from echo_synthesis.audio.formats import FORMATS
from echo_synthesis.domain import Audio, AudioQuality, Chapter, ChapterMarks, WordTiming
from echo_synthesis.pipeline.assembly import AssemblyCheck
from echo_synthesis.pipeline.narration import Narration, Narrator, SpokenSegment
from echo_synthesis.pipeline.segment_table import SegmentKeeper, SegmentsWriter
from echo_synthesis.pipeline.spool import in_pieces
from echo_synthesis.pipeline.stored_files import AudioFiles, FileStorage, ObjectKeys
from echo_synthesis.provenance.recorder import ProvenanceRecorder
from echo_synthesis.timing.storage import TimesWriter

SURER: Sequence[Alignment] = ("model", "aligned", "estimated")
"""Sources of timings, the surest first."""


class Totals:
    """Running totals of a narration: segments, duration, chapters, and the characters left."""

    def __init__(self, narration: Narration) -> None:
        self.settings = narration.settings
        self.units = self.cached_units = 0
        self.units_total = len(narration.script)
        self.characters_left = narration.script.characters
        self.alignment: Alignment = "model"
        self.quality = AudioQuality()
        self._samples = 0
        self._rate = narration.engine.sample_rate
        self._marks = ChapterMarks()

    def add(self, segment: SpokenSegment) -> None:
        """Add a segment to the totals."""
        self.units += 1
        self.cached_units += segment.cached
        self.characters_left -= segment.characters
        self.quality = self.quality.add(segment.speech.quality)
        self.alignment = max(self.alignment, segment.speech.alignment, key=SURER.index)
        self._samples += len(segment.speech.samples)
        if segment.title:
            self._marks.begin(segment.title, segment.words[0].start)

    @property
    def duration(self) -> float:
        """Duration in seconds."""
        return round(self._samples / self._rate, 4)

    @property
    def chapters(self) -> Sequence[Chapter]:
        """Chapters that have begun so far."""
        return self._marks.chapters(self.duration)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a stream: bytes, possibly empty, their words (timings relative to the whole), and the totals so far."""

    audio: bytes
    words: Sequence[WordTiming]
    totals: Totals
    last: bool = False


Progressed = Callable[[SpokenSegment, Totals], Awaitable[None]]
"""Callback for each segment, with the totals including it. New totals mean that a fallback engine has started over."""


class Recorder:
    """Encoder of narrations into files and streams, in constant memory."""

    def __init__(
        self,
        narrator: Narrator,
        objects: ObjectStore,
        provenance: ProvenanceRecorder,
        scratch: Scratch,
        *,
        keep_segments: bool = True,
    ) -> None:
        self._narrator = narrator
        self._storage = FileStorage(objects, provenance)
        self._provenance = provenance
        self._scratch = scratch
        self._keep_segments = keep_segments

    async def record(
        self,
        narration: Narration,
        *,
        user_id: str,
        synthesis_id: str,
        audio_id: str | None = None,
        job_id: str | None = None,
        text_id: str | None = None,
        metadata: Mapping[str, Any] = MappingProxyType({}),
        attempt: int = 0,
        progressed: Progressed | None = None,
    ) -> Audio:
        """Synthesise and encode everything, store the objects, and return the audio, which is not saved yet.

        `progressed` is called for each segment once it is in the file. The object keys contain the attempt, so that no attempt
        ever overwrites another's objects. After a failure or cancellation the objects are removed, if the storage is reachable.
        Raises `ImplausibleSpeechError` if the whole audio fails the check.
        """
        audio_id = audio_id or new_id("aud")
        settings = narration.settings
        audio_format = FORMATS[settings.output_format]
        mime = audio_format.media_type(settings.sample_rate)
        work = {"audio_id": audio_id, "synthesis_id": synthesis_id, "job_id": job_id}
        record = self._provenance.record_of(settings, narration.engine, user_id=user_id, **work)
        totals = Totals(narration)
        keys = ObjectKeys.of(f"{Audio.folder_of(audio_id)}{attempt}", audio_format)
        try:
            async with self._scratch.work_folder("audio") as folder:
                lossless = folder / "lossless" if self._keep_segments and not audio_format.lossless else None
                rate = narration.engine.sample_rate
                encoder = await asyncio.to_thread(
                    FileEncoder,
                    folder / "audio",
                    audio_format,
                    settings.sample_rate,
                    source_rate=rate,
                    copy=lossless,
                )
                effects = Effects(rate, pitch=settings.pitch, volume=settings.volume)
                check = AssemblyCheck(narration)
                keeper = SegmentKeeper(narration, audio_format.codec_rate(settings.sample_rate))
                with TimesWriter(folder / "times") as times, SegmentsWriter(folder / "segments") as kept:
                    async with aclosing(self._narrator.speak(narration)) as segments:
                        async for segment in segments:
                            check.add(segment)
                            await asyncio.to_thread(_feed, encoder, effects, check, segment)
                            totals.add(segment)
                            times.add(segment.words)
                            kept.add(keeper.keep_next(len(segment.speech.samples), segment.speech.quality))
                            if progressed is not None:
                                await progressed(segment, totals)
                    await asyncio.to_thread(_finish, encoder, effects, check)
                    files = AudioFiles(folder / "audio", mime, times, kept if self._keep_segments else None, lossless)
                    stored = await self._storage.store(files, keys, record)
        except BaseException:  # covers the removal of the folder, too
            await shielded(self._storage.remove(keys))
            raise
        return Audio(
            id=audio_id,
            user_id=user_id,
            synthesis_id=synthesis_id,
            job_id=job_id,
            text_id=text_id,
            metadata=metadata,
            text=narration.text if job_id is None else None,
            text_length=len(narration.text),
            attempt=attempt,
            settings=settings,
            duration=totals.duration,
            word_count=times.count,
            alignment=totals.alignment,
            chapters=totals.chapters,
            units=totals.units,
            cached_units=totals.cached_units,
            quality=totals.quality.explain(self._narrator.reason_without_transcript(settings)),
            **stored,
        )

    async def stream(self, narration: Narration, *, user_id: str) -> AsyncGenerator[Part, None]:
        """Yield encoded bytes as soon as possible, segment by segment; the last part flushes the encoder.

        Raises on failure, so that the connection breaks instead of ending normally. A stream cannot hold a manifest: its
        provenance record is written before the first byte, its checksum before the last.
        """
        settings, rate = narration.settings, narration.engine.sample_rate
        encoder = Encoder(FORMATS[settings.output_format], settings.sample_rate, source_rate=rate)
        effects = Effects(rate, pitch=settings.pitch, volume=settings.volume)
        totals, check = Totals(narration), AssemblyCheck(narration)
        record = self._provenance.record_of(settings, narration.engine, user_id=user_id)
        digest = hashlib.sha256()
        if record is not None:
            await self._provenance.records.add(record)
        async with aclosing(self._narrator.speak(narration, low_latency=True)) as segments:
            async for segment in segments:
                check.add(segment)
                block = await asyncio.to_thread(_encode, encoder, effects, check, segment)
                totals.add(segment)
                digest.update(block)
                words = segment.words
                del segment  # frees its samples while the client reads
                pieces = in_pieces(block, self._scratch)
                del block
                async with aclosing(pieces):
                    async for piece in pieces:
                        yield Part(piece, words, totals)
                        words = ()
        rest = await asyncio.to_thread(_encode_rest, encoder, effects, check)
        digest.update(rest)
        if record is not None:
            await self._provenance.records.complete(record, digest.hexdigest())
        yield Part(rest, (), totals, last=True)


def _feed(encoder: FileEncoder, effects: Effects, check: AssemblyCheck, segment: SpokenSegment) -> None:
    encoder.feed(check.encode(effects.feed(segment.speech.samples)))


def _finish(encoder: FileEncoder, effects: Effects, check: AssemblyCheck) -> None:
    encoder.feed(check.encode(effects.close()))
    encoder.close()
    check.finish(encoder.seconds)


def _encode(encoder: Encoder, effects: Effects, check: AssemblyCheck, segment: SpokenSegment) -> bytes:
    return encoder.feed(check.encode(effects.feed(segment.speech.samples)))


def _encode_rest(encoder: Encoder, effects: Effects, check: AssemblyCheck) -> bytes:
    rest = encoder.feed(check.encode(effects.close())) + encoder.close()
    check.finish(encoder.seconds)
    return rest
