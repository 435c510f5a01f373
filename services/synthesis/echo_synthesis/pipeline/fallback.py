"""Fallback: if an engine fails, the operator's fallback voice is used, and the result names the failed engine."""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import structlog

from echo_common.contracts.errors.synthesis import (
    EngineCrashedError,
    EngineFailedError,
    EngineTimeoutError,
    EngineUnavailableError,
)
from echo_common.errors import EchoError
from echo_common.scratch import Scratch
from echo_common.storage.port import ObjectStore
from echo_synthesis.catalogue.voices import Voices
from echo_synthesis.domain import Audio, SpeechSettings
from echo_synthesis.engine import EngineSpec
from echo_synthesis.pipeline.growing_narration import Flush, NarrationSource
from echo_synthesis.pipeline.narration import Narration, Narrator, plan
from echo_synthesis.pipeline.recording import Recorder
from echo_synthesis.pipeline.scripts import ScriptWriter
from echo_synthesis.pipeline.sentence_planning import replan_sentence
from echo_synthesis.pipeline.stream_encoding import Part
from echo_synthesis.provenance.recorder import ProvenanceRecorder

_ENGINE_ERRORS = (EngineUnavailableError, EngineFailedError, EngineCrashedError, EngineTimeoutError)


class FallbackRecorder(Recorder):
    """A recorder that starts over with the fallback voice, so that an audio has one voice throughout.

    A stream that has already delivered audio is not restarted: it fails.
    """

    def __init__(
        self,
        narrator: Narrator,
        objects: ObjectStore,
        provenance: ProvenanceRecorder,
        scratch: Scratch,
        voices: Voices,
        scripts: ScriptWriter,
        *,
        keep_segments: bool = True,
    ) -> None:
        super().__init__(narrator, objects, provenance, scratch, keep_segments=keep_segments)
        self._voices = voices
        self._scripts = scripts
        self._log = structlog.get_logger("echo.fallback")

    async def record(self, narration: Narration, **where: Any) -> Audio:
        """Record with the fallback voice if the engine fails; see `Recorder.record`."""
        try:
            return await super().record(narration, **where)
        except _ENGINE_ERRORS as error:
            fallback = await self._plan_fallback(narration, error)
        return await super().record(fallback, **where)

    async def stream(self, narration: Narration, *, user_id: str) -> AsyncGenerator[Part, None]:
        """Stream with the fallback voice if the engine fails; see `Recorder.stream`."""
        sent = False
        try:
            async with aclosing(super().stream(narration, user_id=user_id)) as parts:
                async for part in parts:
                    yield part
                    sent = sent or bool(part.audio)
            return
        except _ENGINE_ERRORS as error:
            if sent:
                raise
            fallback = await self._plan_fallback(narration, error)
        async with aclosing(super().stream(fallback, user_id=user_id)) as parts:
            async for part in parts:
                yield part

    async def stream_growing(self, source: NarrationSource, *, user_id: str) -> AsyncGenerator[Part | Flush, None]:
        """Stream with the fallback voice if the engine fails; see `Recorder.stream_growing`."""
        recorded, sent = _RecordedSource(source), False
        try:
            async with aclosing(super().stream_growing(recorded, user_id=user_id)) as parts:
                async for part in parts:
                    yield part
                    if isinstance(part, Part) and part.audio and not sent:
                        sent = True
                        recorded.forget()
            return
        except _ENGINE_ERRORS as error:
            first = next((item for item in recorded.returned if isinstance(item, Narration)), None)
            if sent or first is None:
                raise
            settings, engine = self._fallback(first.settings, error)
        again = _ReplannedSource(recorded, settings, engine, self._scripts)
        async with aclosing(super().stream_growing(again, user_id=user_id)) as parts:
            async for part in parts:
                yield part

    async def _plan_fallback(self, narration: Narration, error: EchoError) -> Narration:
        """Plan the narration for the fallback voice. Raises `error` without one."""
        settings, engine = self._fallback(narration.settings, error)
        return await plan(narration.text, settings, engine, self._scripts, narration.user_id)

    def _fallback(self, settings: SpeechSettings, error: EchoError) -> tuple[SpeechSettings, EngineSpec]:
        """Return the settings and the engine of the fallback voice. Raises `error` without one."""
        found = None if settings.fallback_from else self._voices.fallback(settings.engine)
        language = None if found is None else found.spoken(settings.language)
        if found is None or language is None:
            raise error
        self._log.warning("engine_fallback_used", engine=settings.engine, voice_id=found.voice.id, error=error.message)
        change = {
            "voice_id": found.voice.id,
            "engine": found.engine.name,
            "language": language,
            "fallback_from": settings.engine,
            "style": settings.style if found.engine.styles else "",
        }
        return settings.model_copy(update=change), found.engine


class _RecordedSource:
    """A source of narrations that remembers those it has returned, until `forget`."""

    def __init__(self, source: NarrationSource) -> None:
        self._source = source
        self._forgotten = False
        self.returned: list[Narration | Flush] = []

    async def next(self) -> Narration | Flush | None:
        item = await self._source.next()
        if item is not None and not self._forgotten:
            self.returned.append(item)
        return item

    def forget(self) -> None:
        """Remember nothing from now on."""
        self._forgotten = True
        self.returned.clear()


class _ReplannedSource:
    """The narrations that a source has returned, and its further ones, in another voice."""

    def __init__(self, source: _RecordedSource, settings: SpeechSettings, engine: EngineSpec, scripts: ScriptWriter) -> None:
        self._source = source
        self._again = deque(source.returned)
        self._settings = settings
        self._engine = engine
        self._scripts = scripts
        source.forget()

    async def next(self) -> Narration | Flush | None:
        item = self._again[0] if self._again else await self._source.next()
        if isinstance(item, Narration):
            item = await replan_sentence(item, self._settings, self._engine, self._scripts)
        if self._again:
            self._again.popleft()
        return item
