"""Comparison of speech with its text by a recogniser in child processes."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import structlog

from echo_common.sandbox import ProcessLostError, ProcessUnavailableError, SandboxPool
from echo_synthesis.audio.resample import Resampler
from echo_synthesis.engine import Speech, Utterance
from echo_synthesis.timing.recogniser_alignment import RECOGNISER_RATE

_MEMORY = 2 << 30
"""Bytes of address space; the packaged model needs 0.7 GB of it, and 0.25 GB of memory."""

_SECONDS = 30.0
_SECONDS_A_SECOND = 2.0
"""Time limit of a comparison: `_SECONDS`, and more for each second of speech; the packaged model takes 0.1 to 0.2."""

_LONGEST_SECONDS = 120.0
"""Longest speech that is compared; a segment is a sentence."""


@dataclass(frozen=True, slots=True)
class WordErrors:
    """The number of words of a text, and of those that a recogniser heard differently."""

    words: int
    errors: int


class Transcriber(Protocol):
    """Comparison of speech with its text."""

    async def compare(self, utterance: Utterance, speech: Speech) -> WordErrors | None:
        """Return the word errors; None if the speech cannot be transcribed now. Raises nothing."""


class SandboxedTranscriber:
    """A transcriber whose recogniser runs in up to `most` sandboxed processes, started on demand."""

    def __init__(self, model: Path, most: int) -> None:
        seconds = _SECONDS + _SECONDS_A_SECOND * _LONGEST_SECONDS
        self._processes = SandboxPool("echo_synthesis.quality", model, _MEMORY, seconds, most=most)
        self._log = structlog.get_logger("echo.quality")

    @classmethod
    @asynccontextmanager
    async def open(cls, model: Path | None, most: int) -> "AsyncIterator[SandboxedTranscriber | None]":
        """Open a transcriber and close it with the context; None without a model."""
        if model is None:
            yield None
            return
        transcriber = cls(model, most)
        try:
            yield transcriber
        finally:
            await transcriber._processes.close()

    async def compare(self, utterance: Utterance, speech: Speech) -> WordErrors | None:
        """Return the word errors; see `Transcriber`. A cancellation ends the process."""
        if speech.duration > _LONGEST_SECONDS:
            return None
        request = await asyncio.to_thread(_build_request, utterance, speech)
        seconds = _SECONDS + _SECONDS_A_SECOND * speech.duration
        try:
            found: list[Mapping[str, int]] = await self._processes.ask(request, json.loads, seconds=seconds)
        except (ProcessLostError, ProcessUnavailableError) as error:
            self._log.warning("speech_not_transcribed", error=type(error).__name__)
            return None
        if not found or "words" not in found[0]:
            return None
        return WordErrors(found[0]["words"], found[0]["word_errors"])


def _build_request(utterance: Utterance, speech: Speech) -> Mapping[str, object]:
    resampler = Resampler(speech.sample_rate, RECOGNISER_RATE)
    samples = np.concatenate([resampler.feed(speech.samples), resampler.close()])
    values = np.rint(samples / max(1.0, float(np.abs(samples).max(initial=0.0))) * 32767).astype("<i2")
    return {
        "samples": base64.b64encode(values.tobytes()).decode(),
        "language": utterance.language,
        "text": utterance.text,
        "free": sum(ipa is not None for ipa in utterance.pronunciations),
    }
