"""Use cases for the pronunciation of words in stored audio."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from echo_common.auth.principal import Principal
from echo_common.contracts.http.normalization import CreateDictionaryEntry
from echo_common.contracts.ipa import is_ipa
from echo_common.errors import ValidationError, refuse
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, WordTiming
from echo_synthesis.pipeline.segment_table import KeptSegment, find_segment_of
from echo_synthesis.text.lexicon import relevant
from echo_synthesis.timing.storage import word_times_from
from echo_synthesis.usecases.audio import read_words
from echo_synthesis.usecases.requests import find_synthesis
from echo_synthesis.usecases.segments import SpokenForm, list_spoken_forms

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
        async with aclosing(word_times_from(audio, deps.objects, lambda _, word: word.end <= start)) as words:
            async for index, word in words:
                if word.start >= end:
                    break
                inside = _overlaps(word, start, end)
                if inside or found:
                    first = first if found else index
                    found.append(word)
                    count = len(found) if inside else count
        if not found:
            refuse("end_time", "No word is spoken in this range.")
        return first, found[:count]  # words between those in the range belong to it


@dataclass(frozen=True, slots=True)
class SpokenTerm:
    """Consecutive words of a segment: the term as written, as spoken, and in IPA if that is known."""

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
    located = await find_segment_of(first, audio, deps.objects)
    if located is None:
        raise _range_error(wanted, "No segment has these words.")
    number, segment = located
    if last >= segment.first_word + segment.word_count:
        raise _range_error(wanted, "Choose words of one segment.")
    term = _write_term(words, segment)
    if not 0 < len(term) <= _LONGEST_TERM:
        raise _range_error(wanted, f"Choose words of at most {_LONGEST_TERM} characters.")
    return SpokenTerm(
        number=number,
        segment=segment,
        term=term,
        spoken=" ".join(spoken for word in words if (spoken := _spoken_form(word))),
        ipa=_find_ipa(words, segment, first - segment.first_word),
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


def _find_ipa(words: Sequence[WordTiming], segment: KeptSegment, first: int) -> str | None:
    """Return the IPA of words, the first of which has this index in the segment: as prescribed, else as spoken.

    None if it is not known, is no valid pronunciation of a dictionary entry, or includes further words that are spoken as one with
    these.
    """
    forms = list_spoken_forms(segment)
    inside, outside = forms[first : first + len(words)], {*forms[:first], *forms[first + len(words) :]}
    found: dict[SpokenForm, str | None] = {}
    for word, form in zip(words, inside, strict=True):
        if form.first < form.stop:
            found.setdefault(form, form.ipa or word.ipa)
    known = [ipa for ipa in found.values() if ipa]
    ipa = " ".join(known)
    return ipa if is_ipa(ipa) and len(known) == len(found) and not outside & found.keys() else None


def _write_term(words: Sequence[WordTiming], segment: KeptSegment) -> str:
    """Return words as the dictionary finds them in the segment's text: with single spaces, or else as written."""
    spaced = " ".join(word.word for word in words)
    written = segment.text[words[0].char_start - segment.start : words[-1].char_end - segment.start]
    if len(spaced) > _LONGEST_TERM or len(words) == 1 or _occurs(spaced, segment.text):
        return spaced
    return written if _occurs(written, segment.text) else spaced


def _occurs(term: str, text: str) -> bool:
    return len(term) <= _LONGEST_TERM and bool(relevant([CreateDictionaryEntry(term=term, respelling=term)], text))


def _range_error(wanted: WordRange, message: str) -> ValidationError:
    field = "end_time" if wanted.end_word is None else "end_word"
    return ValidationError(message, details=[{"field": field, "message": message}])
