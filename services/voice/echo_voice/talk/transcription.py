"""Transcription of utterances by the packaged recogniser in sandboxed processes that stay warm between utterances."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from echo_common.contracts.errors.chat import RecogniserMissingError
from echo_common.sandbox import ProcessLostError, ProcessUnavailableError, SandboxPool

_MODULE = "echo_voice.talk.transcription_process"
_MEMORY = 2 << 30
_SECONDS = 60.0
"""Time limit of an utterance, which has 30 s at most; the packaged model takes 0.1 to 0.3 s a second."""


class UtteranceTranscriber(Protocol):
    """Transcription of utterances."""

    @property
    def available(self) -> bool:
        """True if there is a recogniser."""
        ...

    async def transcribe(self, pcm: bytes, language: str | None) -> str:
        """Return the transcript of speech: 16 bits at 16 kHz; empty for noise, and if the recogniser fails.

        `language` is a BCP-47 tag; None, and languages that the recogniser does not know, are detected.
        """
        ...


class SandboxedTranscriber:
    """A transcriber with up to `most` processes, started on demand."""

    def __init__(self, model: Path | None, most: int) -> None:
        self._processes = None if model is None else SandboxPool(_MODULE, model, _MEMORY, _SECONDS, most=most)

    @classmethod
    @asynccontextmanager
    async def open(cls, model: Path | None, most: int) -> AsyncIterator["SandboxedTranscriber"]:
        """Open a transcriber and close it with the context; None is a missing model."""
        transcriber = cls(model, most)
        try:
            yield transcriber
        finally:
            if transcriber._processes is not None:
                await transcriber._processes.close()

    @property
    def available(self) -> bool:
        """True if there is a recogniser."""
        return self._processes is not None

    async def transcribe(self, pcm: bytes, language: str | None) -> str:
        """Return the transcript; see `UtteranceTranscriber`. A cancellation ends the process."""
        if self._processes is None:
            raise RecogniserMissingError
        request = {"pcm": base64.b64encode(pcm).decode(), "language": (language or "").partition("-")[0].lower()}
        try:
            found: list[Mapping[str, Any]] = await self._processes.ask(request, json.loads, seconds=_SECONDS)
        except (ProcessLostError, ProcessUnavailableError):
            return ""
        return str(found[0]["text"])
