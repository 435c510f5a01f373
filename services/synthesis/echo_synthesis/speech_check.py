"""Plausibility check of engine output: valid samples that can be the text's speech."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from echo_common.contracts.errors.synthesis import EngineFailedError
from echo_synthesis.engine import EngineSpec, Phone, Speech, Utterance, WordTime

_REMEDY = "Try again; if it stays so, choose another voice and run `echoctl doctor`."

_LOUDEST = 4.0
"""Peak above which samples are not speech: 12 dB above full scale. Kokoro reaches 1.6."""

SILENT = 0.003
"""Half the range of inaudible samples: -50 dBFS."""

_FRAME_SECONDS = 0.01
_SOUNDING_SHARE = 0.5
"""Minimum share of the words, weighted by their letters, with sound within their timings.

No higher, because estimated timings spread the words over the pauses, too.
"""

_FASTEST = 30.0
"""Letters per second that no voice exceeds at its natural pace; fast speech has 20, Kokoro and Piper at most 16."""

_SPARE_LETTERS = 12
"""Letters that may be unspoken: silent ones, lengthened interjections, an abbreviation."""

_SECONDS_A_LETTER = 0.35
"""Maximum seconds for a letter of the Latin alphabet; a usual voice takes 0.07."""

_SECONDS_A_SIGN = 3.0
"""Maximum seconds for a character that is spoken by its name, or pauses.

These are digits, capitals, symbols, punctuation marks and letters of other scripts (up to 2).
"""

_SPARE_SECONDS = 4.0
"""Seconds of silence that an engine may add around the speech."""

_TOLERANCE = 0.001
"""Rounding tolerance in seconds for timings beyond the audio."""


class ImplausibleSpeechError(EngineFailedError):
    """The speech engine's output is not speech of this text; try again, or choose another voice."""


def check_speech(spec: EngineSpec, utterance: Utterance, speech: Speech) -> None:
    """Raise `ImplausibleSpeechError` unless `speech` can be `utterance` spoken by `spec`.

    All conditions are necessary ones with a margin, for any language: rejected output is not speech, but accepted output may
    still be bad speech.
    """
    problem = _problem(spec, utterance, speech)
    if problem is not None:
        details = {"engine": spec.name, "reason": problem}
        raise ImplausibleSpeechError(f"The speech engine {spec.name} returned {problem}. {_REMEDY}", details=details)


@contextmanager
def require_readable(spec: EngineSpec) -> Iterator[None]:
    """Raise `ImplausibleSpeechError` if a frame from an engine's process cannot be read as speech."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        details = {"engine": spec.name, "reason": f"{type(error).__name__}: {error}"}
        raise ImplausibleSpeechError(
            f"The speech engine {spec.name} returned no readable speech. {_REMEDY}", details=details
        ) from error


def count_letters(utterance: Utterance) -> int:
    """Return the number of spoken letters and digits, or of IPA where it is given, without repetitions."""
    return sum(_distinct_letters(text) for text in _spoken_words(utterance))


def shortest_seconds(utterance: Utterance) -> float:
    """Return the minimum duration of the utterance in seconds, at its speed."""
    letters = count_letters(utterance)
    return max(0.0, letters - _SPARE_LETTERS) / (_FASTEST * max(utterance.speed, 1e-3))


def longest_seconds(utterance: Utterance) -> float:
    """Return the maximum duration of the utterance in seconds, at its speed, including pauses at punctuation marks."""
    seconds = sum(map(_seconds, utterance.text)) + sum(_SECONDS_A_LETTER * len(ipa or "") for ipa in utterance.pronunciations)
    return _SPARE_SECONDS + (_SPARE_SECONDS + seconds) / max(utterance.speed, 1e-3)


def has_letters(text: str) -> bool:
    """Return whether a text contains letters or digits, which must be audible."""
    return any(map(str.isalnum, text))


def is_silent(samples: NDArray[np.float32], volume: float = 1.0) -> bool:
    """Return whether finite samples, made `volume` times as loud, are silence; a constant is silence too."""
    return not len(samples) or float(samples.max()) - float(samples.min()) < 2 * SILENT * volume


def _problem(spec: EngineSpec, utterance: Utterance, speech: Speech) -> str | None:
    """Return the problem with the speech, as the object of "returned"; None without one."""
    return (
        _sample_problem(spec, speech)
        or _duration_problem(utterance, speech)
        or _time_problem(utterance, speech)
        or _silence_problem(utterance, speech)
    )


def _sample_problem(spec: EngineSpec, speech: Speech) -> str | None:
    samples = speech.samples
    if speech.sample_rate != spec.sample_rate:
        return f"audio of {speech.sample_rate} Hz where {spec.sample_rate} Hz were expected"
    if samples.ndim != 1 or not len(samples):
        return "no samples"
    # a sum is finite only if all its terms are; it is faster than `isfinite` on each
    with np.errstate(all="ignore"):
        finite = np.isfinite(samples.sum(dtype=np.float64))
    if not finite:
        return "samples that are not finite"
    peak = max(float(samples.max()), -float(samples.min()))
    return f"samples of {peak:.3g} times full scale" if peak > _LOUDEST else None


def _duration_problem(utterance: Utterance, speech: Speech) -> str | None:
    shortest, longest = shortest_seconds(utterance), longest_seconds(utterance)
    if speech.duration < shortest:
        return f"{speech.duration:.2f} s of audio for a text that takes {shortest:.2f} s at least"
    if speech.duration > longest:
        return f"{speech.duration:.2f} s of audio for a text that takes {longest:.2f} s at most"
    return None


def _time_problem(utterance: Utterance, speech: Speech) -> str | None:
    words = len(utterance.words)
    if len(speech.words) != words:
        return f"times for {len(speech.words)} words of {words}"
    if _out_of_order(speech.words, speech.duration):
        return "word times that are out of order or outside the audio"
    if speech.phones and len(speech.phones) != words:
        return f"phones for {len(speech.phones)} words of {words}"
    if any(_out_of_order(phones, speech.duration) for phones in speech.phones):
        return "times of phones that are out of order or outside the audio"
    return None


def _out_of_order(times: Sequence[WordTime] | Sequence[Phone], duration: float) -> bool:
    """Return whether any start or end is not finite, outside the audio, or before the previous start."""
    latest = 0.0
    for time in times:
        # NaN fails this comparison
        if not latest - _TOLERANCE <= time.start <= time.end <= duration + _TOLERANCE:
            return True
        latest = time.start
    return False


def _silence_problem(utterance: Utterance, speech: Speech) -> str | None:
    letters = np.array([_distinct_letters(text) for text in _spoken_words(utterance)], np.int64)
    if not letters.sum():
        return None
    if is_silent(speech.samples):
        return "silence"
    sounding = _sounding_before(speech)
    last = len(sounding) - 1
    times = np.array([(time.start, time.end) for time in speech.words], np.float64) / _FRAME_SECONDS
    first = np.clip(np.floor(times[:, 0]).astype(np.int64), 0, last)
    stop = np.clip(np.ceil(times[:, 1]).astype(np.int64), first, last)
    heard = letters[sounding[stop] > sounding[first]].sum()
    return "silence where most words should be" if heard < _SOUNDING_SHARE * letters.sum() else None


def _sounding_before(speech: Speech) -> NDArray[np.int64]:
    """Return the number of frames of `_FRAME_SECONDS` with sound before each frame, and in total."""
    size = round(speech.sample_rate * _FRAME_SECONDS)
    padded = np.pad(speech.samples, (0, -len(speech.samples) % size)).reshape(-1, size)
    sounds = padded.max(axis=1) - padded.min(axis=1) >= SILENT
    return np.concatenate([[0], np.cumsum(sounds)])


def _spoken_words(utterance: Utterance) -> list[str]:
    """Return the words as letters: their IPA if given."""
    pairs = zip_longest(utterance.words, utterance.pronunciations)
    return [ipa or utterance.text[word.start : word.end] for word, ipa in pairs]


def _distinct_letters(word: str) -> int:
    """Return the number of letters and digits without repetitions: "aaaah" is spoken as "ah"."""
    previous, count = "", 0
    for character in word.casefold():
        count += character != previous and character.isalnum()
        previous = character
    return count


def _seconds(character: str) -> float:
    if character.isspace():
        return 0.0
    return _SECONDS_A_LETTER if character.islower() and character < "\u0250" else _SECONDS_A_SIGN
