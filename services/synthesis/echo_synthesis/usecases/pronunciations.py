"""Use cases for the pronunciation of words in stored audio."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from echo_common.auth.principal import Principal
from echo_common.contracts.http.normalization import CreateDictionaryEntry
from echo_common.errors import ValidationError, refuse
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, WordTiming
from echo_synthesis.pipeline.segment_table import KeptSegment, read_segments
from echo_synthesis.text.lexicon import relevant
from echo_synthesis.timing.storage import word_times
from echo_synthesis.usecases.audio import read_words
from echo_synthesis.usecases.requests import find_synthesis
from echo_synthesis.usecases.segments import list_ipa

_LONGEST_TERM: Final = 100


@dataclass(frozen=True, slots=True)
class WordRange:
    """A range of an audio: from the first to the last word, counted from 0, or in seconds."""

    start_word: int | None = None
    end_word: int | None = None
    start_time: float | None = None
    end_time: float | None = None

    async def read(self, audio: Audio, deps: Dependencies) -> tuple[int, Sequence[WordTiming]]:
        """Return the index of the first word, and the words; later ones are not read.

        Raises `ValidationError` if the audio has none in the range.
        """
        if self.start_word is not None and self.end_word is not None:
            if self.end_word >= audio.word_count:
                refuse("end_word", f"The audio has {audio.word_count} words.")
            return self.start_word, await read_words(audio, self.start_word, self.end_word + 1, deps)
        start, end = self.start_time or 0.0, self.end_time or 0.0
        first, count, found = 0, 0, list[WordTiming]()
        async with aclosing(word_times(audio, deps.objects)) as words:
            async for word in words:
                if word.start >= end:
                    break
                inside = _overlaps(word, start, end)
                if inside or found:
                    found.append(word)
                    count = len(found) if inside else count
                else:
                    first += 1
        if not found:
            refuse("end_time", "No word is spoken in this range.")
        return first, found[:count]  # words between those in the range belong to it


@dataclass(frozen=True, slots=True)
class SpokenTerm:
    """Consecutive words of a segment: the term as written and as spoken, and its prescribed IPA."""

    number: int
    segment: KeptSegment
    term: str
    spoken: str
    ipa: str | None
    start_word: int
    end_word: int
    start: float
    end: float


async def find_pronunciation(any_id: str, wanted: WordRange, principal: Principal, deps: Dependencies) -> SpokenTerm:
    """Return the pronunciation of words in an audio.

    Raises `SynthesisNotFoundError`, `JobStateConflictError` without audio, `SegmentsNotKeptError`, and `ValidationError` unless
    the words belong to one segment and can be the term of a dictionary entry.
    """
    audio = (await find_synthesis(any_id, principal, deps)).finished
    first, words = await wanted.read(audio, deps)
    last = first + len(words) - 1
    number, segment = await _find_segment_of(first, audio, wanted, deps)
    if last >= segment.first_word + segment.word_count:
        raise _range_error(wanted, "Choose words of one segment.")
    term = _write_term(words, segment)
    if not 0 < len(term) <= _LONGEST_TERM:
        raise _range_error(wanted, f"Choose words of at most {_LONGEST_TERM} characters.")
    prescribed = list_ipa(segment)[first - segment.first_word : last + 1 - segment.first_word]
    return SpokenTerm(
        number=number,
        segment=segment,
        term=term,
        spoken=" ".join(spoken for word in words if (spoken := _spoken_form(word))),
        ipa=" ".join(each for each in prescribed if each) if all(prescribed) else None,
        start_word=first,
        end_word=last,
        start=words[0].start,
        end=words[-1].end,
    )


def _overlaps(word: WordTiming, start: float, end: float) -> bool:
    """Return whether half of a word is in a range of seconds, or the middle of the range in the word."""
    inside = min(word.end, end) - max(word.start, start)
    return inside > 0 and (inside >= (word.end - word.start) / 2 or word.start <= (start + end) / 2 < word.end)


def _spoken_form(word: WordTiming) -> str:
    return word.word if word.spoken is None else word.spoken


def _write_term(words: Sequence[WordTiming], segment: KeptSegment) -> str:
    """Return words as the dictionary finds them in the segment's text: with single spaces, or else as written."""
    spaced = " ".join(word.word for word in words)
    written = segment.text[words[0].char_start - segment.start : words[-1].char_end - segment.start]
    if len(spaced) > _LONGEST_TERM or len(words) == 1 or _occurs(spaced, segment.text):
        return spaced
    return written if _occurs(written, segment.text) else spaced


def _occurs(term: str, text: str) -> bool:
    return len(term) <= _LONGEST_TERM and bool(relevant([CreateDictionaryEntry(term=term, respelling=term)], text))


async def _find_segment_of(word: int, audio: Audio, wanted: WordRange, deps: Dependencies) -> tuple[int, KeptSegment]:
    number = 0
    async for segment in read_segments(audio, deps.objects):
        if segment.first_word <= word < segment.first_word + segment.word_count:
            return number, segment
        number += 1
    raise _range_error(wanted, "No segment has these words.")


def _range_error(wanted: WordRange, message: str) -> ValidationError:
    field = "end_time" if wanted.end_word is None else "end_word"
    return ValidationError(message, details=[{"field": field, "message": message}])
