"""Use cases for the pronunciation of words in stored audio."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from echo_common.auth.principal import Principal
from echo_common.contracts.http.normalization import CreateDictionaryEntry
from echo_common.errors import ValidationError, refuse
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, WordTiming
from echo_synthesis.pipeline.segment_table import KeptSegment, read_segments
from echo_synthesis.text.lexicon import relevant
from echo_synthesis.usecases.audio import words_of
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

    def locate(self, words: Sequence[WordTiming]) -> tuple[int, int]:
        """Return the indexes of the first and the last word. Raises `ValidationError` if the audio has none in the range."""
        if self.start_word is not None and self.end_word is not None:
            if self.end_word >= len(words):
                refuse("end_word", f"The audio has {len(words)} words.")
            return self.start_word, self.end_word
        start, end = self.start_time or 0.0, self.end_time or 0.0
        inside = [index for index, word in enumerate(words) if _overlaps(word, start, end)]
        if not inside:
            refuse("end_time", "No word is spoken in this range.")
        return inside[0], inside[-1]


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
    words = await words_of(audio, deps)
    first, last = wanted.locate(words)
    number, segment = await _find_segment_of(first, audio, wanted, deps)
    if last >= segment.first_word + segment.word_count:
        raise _range_error(wanted, "Choose words of one segment.")
    term = _write_term(words[first : last + 1], segment)
    if not 0 < len(term) <= _LONGEST_TERM:
        raise _range_error(wanted, f"Choose words of at most {_LONGEST_TERM} characters.")
    prescribed = list_ipa(segment)[first - segment.first_word : last + 1 - segment.first_word]
    return SpokenTerm(
        number=number,
        segment=segment,
        term=term,
        spoken=" ".join(spoken for word in words[first : last + 1] if (spoken := _spoken_form(word))),
        ipa=" ".join(each for each in prescribed if each) if all(prescribed) else None,
        start_word=first,
        end_word=last,
        start=words[first].start,
        end=words[last].end,
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
