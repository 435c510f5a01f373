"""Recording of speech: as stored audio, or as a stream of bytes."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Any

from echo_common.audio.formats import FORMATS
from echo_common.ids import new_id
from echo_common.scratch import Scratch
from echo_common.shielded import shielded
from echo_common.storage.port import ObjectStore
from echo_synthesis.audio.effects import Effects
from echo_synthesis.audio.encode import FileEncoder
from echo_synthesis.domain import Audio
from echo_synthesis.pipeline.assembly import AssemblyCheck
from echo_synthesis.pipeline.growing_narration import Flush, NarrationSource, speak_growing
from echo_synthesis.pipeline.narration import Narration, Narrator, SpokenSegment
from echo_synthesis.pipeline.segment_table import SegmentKeeper, SegmentsWriter
from echo_synthesis.pipeline.stored_files import AudioFiles, FileStorage, ObjectKeys
from echo_synthesis.pipeline.stream_encoding import EncodedStream, Part
from echo_synthesis.pipeline.totals import Totals
from echo_synthesis.provenance.recorder import ProvenanceRecorder
from echo_synthesis.timing.storage import TimesWriter

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
                watermarker = self._provenance.watermarker(settings, narration.engine)
                effects = Effects(rate, pitch=settings.pitch, volume=settings.volume, watermarker=watermarker)
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

        Raises on failure, so that the connection breaks instead of ending normally.
        """
        stream = await EncodedStream.begin(narration, user_id, self._provenance, self._scratch)
        async with aclosing(self._narrator.speak(narration, low_latency=True)) as segments:
            async for segment in segments:
                parts = stream.encode(segment)
                del segment  # frees its samples while the client reads
                async with aclosing(parts):
                    async for part in parts:
                        yield part
        yield await stream.finish()

    async def stream_growing(self, source: NarrationSource, *, user_id: str) -> AsyncGenerator[Part | Flush, None]:
        """Yield the encoded bytes of narrations as they come, and the marks between them; the last part flushes the encoder.

        Without narrations there are no parts.
        """
        stream: EncodedStream | None = None
        async with aclosing(speak_growing(self._narrator, source)) as found:
            async for each in found:
                if isinstance(each, Narration):
                    if stream is None:
                        stream = await EncodedStream.begin(each, user_id, self._provenance, self._scratch)
                    else:
                        stream.extend(each)
                elif isinstance(each, Flush):
                    yield each
                elif stream is not None:
                    parts = stream.encode(each)
                    del each
                    async with aclosing(parts):
                        async for part in parts:
                            yield part
        if stream is not None:
            yield await stream.finish()


def _feed(encoder: FileEncoder, effects: Effects, check: AssemblyCheck, segment: SpokenSegment) -> None:
    encoder.feed(check.encode(effects.feed(segment.speech.samples)))


def _finish(encoder: FileEncoder, effects: Effects, check: AssemblyCheck) -> None:
    encoder.feed(check.encode(effects.close()))
    encoder.close()
    check.finish(encoder.seconds)
