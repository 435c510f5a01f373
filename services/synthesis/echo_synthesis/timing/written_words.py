"""Timings of written words, from the timings of their spoken forms."""

from collections.abc import Iterator

from echo_synthesis.domain.speech import SyllableTiming, WordTiming
from echo_synthesis.engine import Speech
from echo_synthesis.text.ipa import join_symbols
from echo_synthesis.text.script import Segment, WrittenWord
from echo_synthesis.text.syllables import Timed, in_time, syllables


def place(segment: Segment, speech: Speech, offset: float, *, language: str | None = None) -> list[WordTiming]:
    """Return the timings of a segment's written words, `offset` seconds into the whole audio.

    With a `language` they include the timings of the syllables.
    """
    return [
        WordTiming(
            word=word.text,
            start=round(offset + start, 4),
            end=round(offset + end, 4),
            char_start=word.written.start,
            char_end=word.written.end,
            spoken=said if said != word.text else None,
            ipa=_find_ipa(word, speech) if alone else None,
            before=word.before,
            after=word.after,
            ends=word.ends,
            syllables=tuple(_syllables(segment, word, speech, offset, language)) if language and alone else (),
        )
        for word, said, start, end, alone in _times(segment, speech)
    ]


def _times(segment: Segment, speech: Speech) -> Iterator[tuple[WrittenWord, str, float, float, bool]]:
    """Share the time of words spoken as one by their lengths; give a word that is not spoken zero length at its position."""
    now = speech.words[0].start if speech.words else 0.0
    place = 0
    while place < len(segment.words):
        first, stop = segment.words[place].first, segment.words[place].stop
        group = _together(segment, place) if stop > first else [segment.words[place]]
        start, end = (speech.words[first].start, speech.words[stop - 1].end) if stop > first else (now, now)
        length = sum(len(word.text) for word in group)
        done = 0
        for word in group:
            begin = start + (end - start) * done / length
            done += len(word.text)
            last = start + (end - start) * done / length
            yield word, segment.said(word), begin, last, word is group[0]
        now = max(now, end)
        place += len(group)


def _together(segment: Segment, place: int) -> list[WrittenWord]:
    span = (segment.words[place].first, segment.words[place].stop)
    stop = place
    while stop < len(segment.words) and (segment.words[stop].first, segment.words[stop].stop) == span:
        stop += 1
    return list(segment.words[place:stop])


def _find_ipa(word: WrittenWord, speech: Speech) -> str | None:
    """Return the sounds of a written word; None unless those of all its spoken words are known."""
    spoken = [join_symbols(phone.symbol for phone in phones) for phones in speech.phones[word.first : word.stop]]
    return " ".join(spoken) if spoken and all(spoken) else None


def _syllables(segment: Segment, word: WrittenWord, speech: Speech, offset: float, language: str) -> Iterator[SyllableTiming]:
    for number in range(word.first, word.stop):
        span, time = segment.spoken[number], speech.words[number]
        phones = speech.phones[number] if speech.phones else ()
        parts = syllables(segment.text[span.start : span.end], language)
        for part in in_time(parts, Timed(time.start, time.end), phones):
            yield SyllableTiming(part.text, round(offset + part.start, 4), round(offset + part.end, 4))
