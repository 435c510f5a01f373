"""The kept segments of a stored audio: short lists in its document, long ones in an object beside the sound."""

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import astuple, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pydantic import BaseModel, ConfigDict

from echo_common.contracts.errors.synthesis import SegmentsNotKeptError
from echo_common.storage.port import ObjectStore
from echo_synthesis.domain import Audio, Pronunciation
from echo_synthesis.engine import SegmentQuality, Span
from echo_synthesis.pipeline.narration import Narration
from echo_synthesis.pipeline.packed_script import SpacedSegment, parts_of, read_part, spaced_segments
from echo_synthesis.text.lexicon import relevant
from echo_synthesis.text.script import Segment
from echo_synthesis.text.ssml import is_ssml
from echo_synthesis.text.ssml_fragments import include_leaves
from echo_synthesis.text.wire import line_of
from echo_synthesis.timing.object_lines import read_lines

FEW_CHARACTERS = 8_000
_MIME = "application/jsonl"


class KeptSegment(BaseModel):
    """A segment of a stored audio.

    `start` is the position of `text` in the text of the audio, `samples` the number of samples in the file, at the codec's
    rate; the last segment has all that remain. `word_count` is the number of written words, `title` the heading that starts
    with the segment. `first_sample` and `first_word` are its place in the audio. `pronunciations` are the lexicon entries with which it was spoken. `parts` are the lines of its script,
    with positions relative to `text`; a replaced segment may consist of several sentences. `quality` is None without speech.
    `replaced_by` is the job that spoke it in place of another segment.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    start: int
    samples: int
    word_count: int
    first_sample: int = 0
    first_word: int = 0
    title: str = ""
    pronunciations: tuple[Pronunciation, ...] = ()
    quality: SegmentQuality | None = None
    replaced_by: str | None = None
    parts: tuple[str, ...]

    @property
    def end(self) -> int:
        """Position of the end of its text in the text of the audio."""
        return self.start + len(self.text)

    @property
    def script(self) -> Sequence[SpacedSegment]:
        """Its script, with positions relative to its text."""
        return list(spaced_segments(read_part(line.encode()) for line in self.parts))

    @property
    def spoken(self) -> str:
        """Its text as spoken."""
        return " ".join(spaced.segment.text for spaced in self.script)

    @property
    def checksum(self) -> str:
        """Checksum of its text, its script and the job that spoke it: every replacement changes it, also one by IPA alone."""
        facts = [self.text, self.parts, self.replaced_by]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def build_segment(
    script: Iterable[SpacedSegment], text: str, start: int, samples: int, pronunciations: Sequence[Pronunciation]
) -> KeptSegment:
    """Return the kept form of a text's segments, whose positions are relative to the text."""
    spaced = list(script)
    return KeptSegment(
        text=text,
        start=start,
        samples=samples,
        word_count=sum(len(each.segment.words) for each in spaced),
        title=next((each.segment.title for each in spaced if each.segment.title), ""),
        pronunciations=tuple(relevant(pronunciations, text)),
        parts=tuple(line_of(part).decode().rstrip() for each in spaced for part in parts_of(each)),
    )


def move(spaced: SpacedSegment, characters: int) -> SpacedSegment:
    """Return a segment whose words are this many characters further on in the text."""
    words = tuple(
        replace(word, written=Span(word.written.start + characters, word.written.end + characters))
        for word in spaced.segment.words
    )
    return replace(spaced, segment=replace(spaced.segment, words=words))


def find_span(segment: Segment, text: str, fallback: int, *, ssml: bool) -> Span:
    """Return the characters of a text that a segment speaks, with their punctuation; without words, none at `fallback`.

    In SSML they include the tags of the elements that contain only words of the segment: the span is well-formed.
    """
    if not segment.words:
        return Span(fallback, fallback)
    first, last = segment.words[0], segment.words[-1]
    start, end = first.written.start, last.written.end
    if text.endswith(first.before, fallback, start):
        start -= len(first.before)
    if ssml:
        start, end = astuple(include_leaves(Span(start, end), text))
    if text.startswith(last.after, end):
        end += len(last.after)
    return Span(start, end)


class SegmentKeeper:
    """Converter of a narration's segments to their kept form, in the order in which they are encoded."""

    def __init__(self, narration: Narration, codec_rate: int) -> None:
        self._text = narration.text
        self._pronunciations = narration.settings.pronunciations
        self._script: Iterator[SpacedSegment] = iter(narration.script)
        self._ratio = codec_rate / narration.engine.sample_rate
        self._ssml = is_ssml(narration.text) if narration.settings.ssml is None else narration.settings.ssml
        self._samples = self._written = self._end = self._words = 0

    def keep_next(self, samples: int, quality: SegmentQuality | None = None) -> KeptSegment:
        """Return the kept form of the next segment, which has this number of samples at the engine's rate."""
        spaced = next(self._script)
        self._samples += samples
        until = round(self._samples * self._ratio)
        span = find_span(spaced.segment, self._text, self._end, ssml=self._ssml)
        text = self._text[span.start : span.end]
        kept = build_segment([move(spaced, -span.start)], text, span.start, until - self._written, self._pronunciations)
        kept = kept.model_copy(update={"first_sample": self._written, "first_word": self._words, "quality": quality})
        self._written, self._end = until, max(self._end, span.end)
        self._words += kept.word_count
        return kept


class SegmentsWriter:
    """Writer of kept segments in constant memory; a list longer than `FEW_CHARACTERS` goes to a file, one JSON line each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._few: list[str] = []
        self._characters = 0
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, segment: KeptSegment) -> None:
        """Append a segment."""
        line = segment.model_dump_json(exclude_defaults=True)
        self._few.append(line)
        self._characters += len(line)
        if self._file is None and self._characters > FEW_CHARACTERS:
            self._file = self._path.open("w", encoding="utf-8")
        if self._file is not None:
            self._file.writelines(f"{each}\n" for each in self._few)
            self._few.clear()

    async def store(self, objects: ObjectStore, key: str) -> tuple[Sequence[str], str | None]:
        """Store the segments; return a short list itself, or the key of the object that holds a long one."""
        if self._file is None:
            return self._few, None
        self._file.flush()
        return (), (await objects.put_file(key, self._path, _MIME)).key


async def read_segments(
    audio: Audio, objects: ObjectStore, start: int = 0, stop: int | None = None
) -> AsyncIterator[KeptSegment]:
    """Yield the segments `[start, stop)` of an audio in order. Raises `SegmentsNotKeptError`, `ObjectNotFoundError`."""
    async with aclosing(_read_lines(audio, objects, lambda number, _: number < start)) as lines:
        async for number, line in lines:
            if stop is not None and number >= stop:
                return
            if number >= start:
                yield KeptSegment.model_validate_json(line)


async def find_segment_of(word: int, audio: Audio, objects: ObjectStore) -> tuple[int, KeptSegment] | None:
    """Return the segment that has a word, and its number; None without one.

    Raises `SegmentsNotKeptError`, `ObjectNotFoundError`.
    """

    def is_before(_: int, line: str | bytes) -> bool:
        segment = KeptSegment.model_validate_json(line)
        return segment.first_word + segment.word_count <= word

    async with aclosing(_read_lines(audio, objects, is_before)) as lines:
        async for number, line in lines:
            segment = KeptSegment.model_validate_json(line)
            if segment.first_word <= word < segment.first_word + segment.word_count:
                return number, segment
    return None


async def _read_lines(
    audio: Audio, objects: ObjectStore, is_before: Callable[[int, bytes], bool]
) -> AsyncGenerator[tuple[int, str | bytes], None]:
    if not audio.segments and audio.segments_key is None:
        raise SegmentsNotKeptError
    for number, each in enumerate(audio.segments):
        yield number, each
    if audio.segments_key is not None:
        async with aclosing(read_lines(objects, audio.segments_key, is_before)) as lines:
            async for number, line in lines:
                yield number, line
