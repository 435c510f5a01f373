"""Quality gate: a segment whose speech is bad is spoken again; the best take is kept."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from echo_common.contracts.errors.synthesis import (
    EngineCrashedError,
    EngineFailedError,
    EngineTimeoutError,
    EngineUnavailableError,
    TooManyQueuedError,
)
from echo_common.contracts.values import NotTranscribed
from echo_synthesis.engine import Problem, SegmentQuality, Speech, Utterance
from echo_synthesis.quality.calibration import Bounds, find_bounds
from echo_synthesis.quality.signal_check import find_problems
from echo_synthesis.quality.transcriber import Transcriber, WordErrors

MOST_ATTEMPTS = 3
"""Takes after which a bad segment is not spoken again; implausible takes count, too."""

Speak = Callable[[Utterance], Awaitable[Speech]]

_ENGINE_ERRORS = (EngineCrashedError, EngineFailedError, EngineTimeoutError, EngineUnavailableError, TooManyQueuedError)


class QualityGate:
    """The quality gate. Without a `transcriber` it knows the signal only."""

    def __init__(self, transcriber: Transcriber | None = None, *, switched_off: bool = False) -> None:
        self._transcriber = transcriber
        self._switched_off = switched_off
        self._log = structlog.get_logger("echo.quality")

    def reason_without_transcript(self, language: str, *, requested: bool) -> NotTranscribed | None:
        """Return why speech of a language is not compared with its text; None if it is."""
        if not requested:
            return "not_requested"
        if self._switched_off:
            return "switched_off"
        if find_bounds(language) is None:
            return "not_calibrated"
        return None if self._transcriber is not None else "not_installed"

    async def speak(self, utterance: Utterance, speak: Speak, *, transcribe: bool = False) -> Speech:
        """Return the best take of an utterance, with its quality; at most `MOST_TAKES` are spoken.

        Raises the errors of `speak` for the first take; a later take that fails ends the attempts.
        """
        best = await self._measure(utterance, await speak(utterance), transcribe=transcribe)
        attempts = best.takes
        while _quality_of(best).problems and attempts < MOST_ATTEMPTS:
            self._log.info("segment_spoken_again", problems=_quality_of(best).problems, attempt=attempts)
            another = replace(utterance, take=utterance.take + attempts)
            try:
                speech = await self._measure(another, await speak(another), transcribe=transcribe)
            except _ENGINE_ERRORS as error:
                attempts += 1
                self._log.warning("take_failed", error=error.message, attempt=attempts)
                break
            attempts += speech.takes
            best = min(best, speech, key=_rank)
        return replace(best, quality=replace(_quality_of(best), attempts=attempts))

    async def measure(self, utterance: Utterance, speech: Speech) -> SegmentQuality:
        """Measure the signal of speech that was not measured before."""
        return SegmentQuality(problems=await asyncio.to_thread(find_problems, utterance, speech))

    async def _measure(self, utterance: Utterance, speech: Speech, *, transcribe: bool) -> Speech:
        quality = await self.measure(utterance, speech)
        bounds = find_bounds(utterance.language)
        if transcribe and bounds is not None and self._transcriber is not None:
            found = await self._transcriber.compare(utterance, speech)
            if found is not None:
                problems = (*quality.problems, *_judge(found, bounds))
                quality = replace(quality, problems=problems, words=found.words, word_errors=found.errors)
        return replace(speech, quality=quality)


def _judge(found: WordErrors, bounds: Bounds) -> tuple[Problem, ...]:
    most = max(bounds.spare_errors, bounds.word_error_rate * found.words)
    return ("words",) if found.words >= bounds.least_words and found.errors > most else ()


def _quality_of(speech: Speech) -> SegmentQuality:
    return speech.quality or SegmentQuality()


def _rank(speech: Speech) -> tuple[bool, int, int]:
    """Return the sort key of an attempt, lower is better: speech that could not be compared may have any words."""
    quality = _quality_of(speech)
    return quality.word_errors is None, len(quality.problems), quality.word_errors or 0
