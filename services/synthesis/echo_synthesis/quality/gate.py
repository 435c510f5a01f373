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
from echo_common.contracts.values import NotTranscribed, SpeechProblem
from echo_common.errors import EchoError
from echo_synthesis.engine import SegmentQuality, Speech, Utterance
from echo_synthesis.quality.calibration import Bounds, find_bounds
from echo_synthesis.quality.signal_check import find_problems
from echo_synthesis.quality.transcriber import Transcriber, WordErrors
from echo_synthesis.speech_check import ImplausibleSpeechError

Speak = Callable[[Utterance], Awaitable[Speech]]

Master = Callable[[Speech], Awaitable[Speech]]
"""Function that changes the sound of a take after its measurement."""

Save = Callable[[Speech], Awaitable[None]]
"""Function that stores bad speech, so that a later call continues with the next take."""

_NOTHING_SPOKEN = (EngineUnavailableError, TooManyQueuedError)
_ENGINE_ERRORS = (EngineCrashedError, EngineFailedError, EngineTimeoutError, *_NOTHING_SPOKEN)

_FEWEST_REFUSED = 2
"""Takes that the pool speaks at least before it reports implausible speech."""


async def _leave_unchanged(speech: Speech) -> Speech:
    return speech


async def save_nothing(_: Speech) -> None:
    """Save nothing: the default of `QualityGate.speak`."""


class QualityGate:
    """The quality gate. Without a `transcriber` it knows the signal only."""

    def __init__(self, transcriber: Transcriber | None = None, *, switched_off: bool = False) -> None:
        self._transcriber = transcriber
        self._switched_off = switched_off
        self._log = structlog.get_logger("echo.quality")

    def reason_without_transcript(self, language: str, *, requested: bool) -> NotTranscribed | None:
        """Return the reason not to compare speech of a language with its text; None without one."""
        if not requested:
            return "not_requested"
        if self._switched_off:
            return "switched_off"
        if find_bounds(language) is None:
            return "not_calibrated"
        return None if self._transcriber is not None else "not_installed"

    async def speak(
        self,
        utterance: Utterance,
        speak: Speak,
        *,
        transcribe: bool = False,
        earlier: Speech | None = None,
        master: Master = _leave_unchanged,
        save: Save = save_nothing,
    ) -> Speech:
        """Return the best take of an utterance, with its quality. Bad speech is spoken again until it has had `ENOUGH_TAKES`.

        `earlier` is the best take so far, if an earlier call did not end; its takes count. `save` is called with the best take
        before each further one. Raises the errors of `speak` for the first take; a later take that fails is the last one.
        """
        best = earlier
        if best is None:
            best = await self._speak_take(utterance, speak, transcribe=transcribe, master=master)
            await _save_unless_final(best, save)
        while not _quality_of(best).final:
            takes = _quality_of(best).attempts
            self._log.info("segment_spoken_again", problems=_quality_of(best).problems, takes=takes)
            another = replace(utterance, take=utterance.take + takes)
            try:
                speech = await self._speak_take(another, speak, transcribe=transcribe, master=master)
            except _ENGINE_ERRORS as error:
                takes += _count_failed(error)
                self._log.warning("take_failed", error=error.message, takes=takes)
                return _with_takes(best, takes)
            best = _with_takes(min(best, speech, key=_rank), takes + _quality_of(speech).attempts)
            await _save_unless_final(best, save)
        return best

    async def measure(self, utterance: Utterance, speech: Speech) -> SegmentQuality:
        """Measure the signal of speech that was not measured before."""
        return SegmentQuality(attempts=speech.takes, problems=await asyncio.to_thread(find_problems, utterance, speech))

    async def _speak_take(self, utterance: Utterance, speak: Speak, *, transcribe: bool, master: Master) -> Speech:
        speech = await speak(utterance)
        quality = await self.measure(utterance, speech)
        bounds = find_bounds(utterance.language)
        if transcribe and bounds is not None and self._transcriber is not None:
            found = await self._transcriber.compare(utterance, speech)
            if found is not None:
                problems = (*quality.problems, *_judge(found, bounds))
                quality = replace(quality, problems=problems, words=found.words, word_errors=found.errors)
        return await master(replace(speech, quality=quality))


async def _save_unless_final(best: Speech, save: Save) -> None:
    if not _quality_of(best).final:
        await save(best)


def _judge(found: WordErrors, bounds: Bounds) -> tuple[SpeechProblem, ...]:
    most = max(bounds.spare_errors, bounds.word_error_rate * found.words)
    return ("words",) if found.words >= bounds.least_words and found.errors > most else ()


def _count_failed(error: EchoError) -> int:
    """Return the number of takes that were spoken in vain."""
    if isinstance(error, _NOTHING_SPOKEN):
        return 0
    return _FEWEST_REFUSED if isinstance(error, ImplausibleSpeechError) else 1


def _with_takes(speech: Speech, takes: int) -> Speech:
    return replace(speech, quality=replace(_quality_of(speech), attempts=takes))


def _quality_of(speech: Speech) -> SegmentQuality:
    return speech.quality or SegmentQuality()


def _rank(speech: Speech) -> tuple[bool, int, int]:
    """Return the sort key of a take, lower is better: speech that could not be compared may have any words."""
    quality = _quality_of(speech)
    return quality.word_errors is None, len(quality.problems), quality.word_errors or 0
