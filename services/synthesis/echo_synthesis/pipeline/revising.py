"""Replacement of a segment of a stored audio: the samples of all other segments stay as they are."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.formats import FORMATS, AudioFormat
from echo_common.contracts.errors.synthesis import SegmentNotFoundError
from echo_common.contracts.values import Alignment
from echo_common.scratch import Scratch
from echo_common.shielded import shielded
from echo_common.storage.port import ObjectStore
from echo_synthesis.audio.effects import Effects
from echo_synthesis.audio.encode import MasteredEncoder, Mastering
from echo_synthesis.audio.splice import read_samples, splice
from echo_synthesis.domain import (
    Audio,
    AudioQuality,
    ChapterMarks,
    Job,
    ProvenanceRecord,
    SpeechSettings,
    SyllableTiming,
    WordTiming,
    merge_quality,
)
from echo_synthesis.engine import EngineSpec, SegmentQuality
from echo_synthesis.pipeline.assembly import AssemblyCheck
from echo_synthesis.pipeline.narration import Narration, Narrator
from echo_synthesis.pipeline.recording import Progressed
from echo_synthesis.pipeline.segment_table import KeptSegment, SegmentsWriter, build_segment, read_segments
from echo_synthesis.pipeline.stored_files import LOSSLESS, AudioFiles, FileStorage, ObjectKeys
from echo_synthesis.pipeline.totals import SURER, Totals
from echo_synthesis.provenance.recorder import ProvenanceRecorder
from echo_synthesis.timing.storage import TimesWriter, word_times


@dataclass(frozen=True, slots=True)
class Replacement:
    """Speech in place of a segment: the codec's input, and words whose times and positions are relative to the segment."""

    narration: Narration
    samples: NDArray[np.float32]
    words: Sequence[WordTiming]
    alignment: Alignment
    quality: SegmentQuality | None

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        settings = self.narration.settings
        return round(len(self.samples) / FORMATS[settings.output_format].codec_rate(settings.sample_rate), 4)


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of a segment in an audio: samples `[start, end)` (all that remain without `end`), and its first word."""

    segments: Sequence[KeptSegment]
    number: int
    start: int
    end: int | None
    first_word: int

    @property
    def segment(self) -> KeptSegment:
        return self.segments[self.number]

    @classmethod
    def find(cls, segments: Sequence[KeptSegment], number: int) -> "_Place":
        """Return the place of a segment. Raises `SegmentNotFoundError`."""
        if not 0 <= number < len(segments):
            raise SegmentNotFoundError
        start = segments[number].first_sample
        end = start + segments[number].samples if number + 1 < len(segments) else None
        return cls(segments, number, start, end, segments[number].first_word)


class _Words:
    """The word timings of a revision, and its chapters."""

    def __init__(self, place: _Place, replacement: Replacement, rate: int, titles: Mapping[int, str]) -> None:
        self.marks = ChapterMarks()
        self._place = place
        self._replacement = replacement
        self._rate = rate
        self._titles = titles
        self._count = 0

    async def write(self, words: AsyncIterator[WordTiming], times: TimesWriter) -> None:
        """Write the words of the audio, with those of the segment replaced and later ones moved."""
        first, stop = self._place.first_word, self._place.first_word + self._place.segment.word_count
        old, index = self._place.segment, 0
        seconds = (len(self._replacement.samples) - old.samples) / self._rate
        characters = len(self._replacement.narration.text) - len(old.text)
        async for word in words:
            if index == first:
                self._replace(times)
            if index < first:
                self._add(word, times)
            elif index >= stop:
                self._add(_move(word, seconds, characters), times)
            index += 1
        if index <= first:
            self._replace(times)

    def _replace(self, times: TimesWriter) -> None:
        for word in self._replacement.words:
            self._add(_move(word, self._place.start / self._rate, self._place.segment.start), times)

    def _add(self, word: WordTiming, times: TimesWriter) -> None:
        if title := self._titles.get(self._count):
            self.marks.begin(title, word.start)
        self._count += 1
        times.add([word])


class Reviser:
    """Speaker of segments and assembler of revisions.

    The samples of the other segments come from the lossless sound or its lossless copy, and are encoded without another effect.
    """

    def __init__(self, narrator: Narrator, objects: ObjectStore, provenance: ProvenanceRecorder, scratch: Scratch) -> None:
        self._narrator = narrator
        self._objects = objects
        self._provenance = provenance
        self._storage = FileStorage(objects, provenance)
        self._scratch = scratch

    async def speak(self, narration: Narration, progressed: Progressed) -> Replacement:
        """Speak a segment, without the speech cache. Raises the errors of `Narrator.speak`, `ImplausibleSpeechError`."""
        settings, rate = narration.settings, narration.engine.sample_rate
        audio_format = FORMATS[settings.output_format]
        watermarker = self._provenance.watermarker(settings, narration.engine)
        effects = Effects(rate, pitch=settings.pitch, volume=settings.volume, watermarker=watermarker)
        mastering = Mastering(audio_format, settings.sample_rate, rate)
        check, totals = AssemblyCheck(narration), Totals(narration)
        blocks: list[NDArray[np.float32]] = []
        words: list[WordTiming] = []
        qualities: list[SegmentQuality | None] = []
        async with aclosing(self._narrator.speak(narration, anew=True)) as segments:
            async for segment in segments:
                check.add(segment)
                blocks.append(await asyncio.to_thread(_master, segment.speech.samples, effects, mastering, check))
                words += segment.words
                qualities.append(segment.speech.quality)
                totals.add(segment)
                await progressed(segment, totals)
        blocks.append(await asyncio.to_thread(_master_rest, effects, mastering, check))
        samples = np.concatenate(blocks)
        check.finish(len(samples) / audio_format.codec_rate(settings.sample_rate))
        return Replacement(narration, samples, words, totals.alignment, merge_quality(qualities))

    async def revise(
        self, audio: Audio, text: str, number: int, replacement: Replacement, *, job_id: str, attempt: int
    ) -> Mapping[str, Any]:
        """Store the objects of another revision of an audio, and return the fields of `Audio` that differ in it.

        After a failure or cancellation the objects are removed, if the storage is reachable.

        Args:
            audio: The audio, as it is now.
            text: Its text.
            number: The number of the segment to replace.
            replacement: The speech in its place.
            job_id: Id of the job that replaces it.
            attempt: Number of the job's attempt.

        Raises:
            SegmentNotFoundError: The audio has no such segment.
            SegmentsNotKeptError: The segments of the audio were not kept.
            ObjectNotFoundError: An object is gone, because the audio was deleted or revised meanwhile.
        """
        audio_format = FORMATS[audio.settings.output_format]
        place = _Place.find([segment async for segment in read_segments(audio, self._objects)], number)
        keys = _make_keys(audio.id, job_id, attempt, audio_format)
        try:
            async with self._scratch.work_folder("revision") as folder:
                source = await self._fetch(audio.lossless_key or audio.object_key, folder / "source")
                return await self._assemble(audio, text, place, replacement, source, keys, job_id)
        except BaseException:
            await shielded(self._storage.remove(keys))
            raise

    async def _assemble(
        self,
        audio: Audio,
        text: str,
        place: _Place,
        replacement: Replacement,
        source: Path,
        keys: ObjectKeys,
        job_id: str,
    ) -> Mapping[str, Any]:
        settings, engine = audio.settings, replacement.narration.engine
        audio_format, folder = FORMATS[settings.output_format], source.parent
        rate = audio_format.codec_rate(settings.sample_rate)
        lossless = None if audio_format.lossless else folder / "lossless"
        encoder = await asyncio.to_thread(MasteredEncoder, folder / "audio", audio_format, settings.sample_rate, copy=lossless)
        blocks = read_samples(source, audio_format if audio.lossless_key is None else LOSSLESS, rate)
        samples = await asyncio.to_thread(splice, blocks, replacement.samples, place.start, place.end, encoder)
        await asyncio.to_thread(encoder.close)
        segments = _replace(place, replacement, samples, job_id)
        duration = round(samples / rate, 4)
        words = _Words(place, replacement, rate, _find_titles(segments))
        with TimesWriter(folder / "times") as times, SegmentsWriter(folder / "segments") as kept:
            await words.write(word_times(audio, self._objects), times)
            for segment in segments:
                kept.add(segment)
            files = AudioFiles(folder / "audio", audio.mime, times, kept, lossless)
            stored = await self._storage.store(files, keys, self._record_of(audio, engine, job_id))
        old, new = place.segment, replacement.narration.text
        revised = text[: old.start] + new + text[old.end :]
        return {
            **stored,
            # the first characters of the text may differ, so that its kind cannot be detected again
            "settings": settings.model_copy(update={"ssml": replacement.narration.settings.ssml}),
            "duration": duration,
            "word_count": times.count,
            "quality": self._add_up(segments, settings),
            "alignment": max(audio.alignment, replacement.alignment, key=SURER.index),
            "chapters": words.marks.chapters(duration),
            "text": audio.text if new == old.text else revised,
            "text_length": len(revised),
        }

    def _add_up(self, segments: Sequence[KeptSegment], settings: SpeechSettings) -> AudioQuality | None:
        """Return the quality of all segments; None while some of an earlier version were not measured."""
        if any(each.quality is None and any(spaced.segment.spoken for spaced in each.script) for each in segments):
            return None
        totals = AudioQuality.of(segment.quality for segment in segments)
        return totals.explain(self._narrator.reason_without_transcript(settings))

    def _record_of(self, audio: Audio, engine: EngineSpec, job_id: str) -> ProvenanceRecord | None:
        work = {"audio_id": audio.id, "synthesis_id": audio.synthesis_id, "job_id": job_id}
        return self._provenance.record_of(audio.settings, engine, user_id=audio.user_id, **work)

    async def _fetch(self, key: str, target: Path) -> Path:
        with target.open("wb") as file:
            async for block in self._objects.read(key):
                await asyncio.to_thread(file.write, block)
        return target


def make_keys(audio_id: str, job: Job, attempt: int) -> ObjectKeys:
    """Return the keys of the objects that an attempt at a job stores for a revision."""
    return _make_keys(audio_id, job.id, attempt, FORMATS[job.settings.output_format])


def _make_keys(audio_id: str, job_id: str, attempt: int, audio_format: AudioFormat) -> ObjectKeys:
    return ObjectKeys.of(f"{Audio.folder_of(audio_id)}{job_id}-{attempt}", audio_format)


def _replace(place: _Place, replacement: Replacement, samples: int, job_id: str) -> Sequence[KeptSegment]:
    """Return the segments of the revision that a job makes, which has this number of samples."""
    old, narration = place.segment, replacement.narration
    new = build_segment(
        narration.script, narration.text, old.start, len(replacement.samples), narration.settings.pronunciations
    )
    if old.title and new.text != old.text:
        new = new.model_copy(update={"title": new.text.strip("# \n")})
    elif old.title:
        new = new.model_copy(update={"title": old.title})
    placed = {"first_sample": place.start, "first_word": place.first_word}
    new = new.model_copy(update={**placed, "quality": replacement.quality, "replaced_by": job_id})
    later = [_move_segment(segment, old, new) for segment in place.segments[place.number + 1 :]]
    segments = [*place.segments[: place.number], new, *later]
    rest = samples - sum(segment.samples for segment in segments[:-1])
    return [*segments[:-1], segments[-1].model_copy(update={"samples": rest})]


def _move_segment(segment: KeptSegment, old: KeptSegment, new: KeptSegment) -> KeptSegment:
    """Return a segment behind one that is replaced by another."""
    return segment.model_copy(
        update={
            "start": segment.start + len(new.text) - len(old.text),
            "first_sample": segment.first_sample + new.samples - old.samples,
            "first_word": segment.first_word + new.word_count - old.word_count,
        }
    )


def _find_titles(segments: Sequence[KeptSegment]) -> Mapping[int, str]:
    """Return the headings by the index of their first word."""
    titles: dict[int, str] = {}
    words = 0
    for segment in segments:
        if segment.title and segment.word_count:
            titles[words] = segment.title
        words += segment.word_count
    return titles


def _move(word: WordTiming, seconds: float, characters: int) -> WordTiming:
    """Return a word that many seconds later, and characters further on."""

    def later(moment: float) -> float:
        return round(moment + seconds, 4)

    return word.model_copy(
        update={
            "start": later(word.start),
            "end": later(word.end),
            "char_start": word.char_start + characters,
            "char_end": word.char_end + characters,
            "syllables": tuple(SyllableTiming(text, later(start), later(end)) for text, start, end in word.syllables),
        }
    )


def _master(samples: NDArray[np.float32], effects: Effects, mastering: Mastering, check: AssemblyCheck) -> NDArray[np.float32]:
    return mastering.feed(check.encode(effects.feed(samples)))


def _master_rest(effects: Effects, mastering: Mastering, check: AssemblyCheck) -> NDArray[np.float32]:
    return np.concatenate([mastering.feed(check.encode(effects.close())), mastering.close()])
