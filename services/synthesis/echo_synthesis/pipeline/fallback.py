"""Fallback: if an engine fails, the operator's fallback voice is used, and the result names the failed engine."""

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
from echo_synthesis.domain import Audio
from echo_synthesis.pipeline.narration import Narration, Narrator, plan
from echo_synthesis.pipeline.recording import Part, Recorder
from echo_synthesis.pipeline.scripts import ScriptWriter
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

    async def _plan_fallback(self, narration: Narration, error: EchoError) -> Narration:
        """Plan the narration for the fallback voice. Raises `error` without one."""
        settings = narration.settings
        found = None if settings.fallback_from else self._voices.fallback(settings.engine)
        if found is None or not found.speaks(settings.language):
            raise error
        self._log.warning("engine_fallback_used", engine=settings.engine, voice_id=found.voice.id, error=error.message)
        change = {
            "voice_id": found.voice.id,
            "engine": found.engine.name,
            "language": found.voice.language,
            "fallback_from": settings.engine,
            "style": settings.style if found.engine.styles else "",
        }
        return await plan(narration.text, settings.model_copy(update=change), found.engine, self._scripts, narration.user_id)
