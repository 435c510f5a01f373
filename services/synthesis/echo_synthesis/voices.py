"""Everything one can speak with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from echo_synthesis.engine import EngineConfig, EngineSpec, EngineUnavailableError, EngineVoice, UnknownVoiceError


@dataclass(frozen=True, slots=True)
class CataloguedVoice:
    """A voice and the engine that speaks it."""

    voice: EngineVoice
    engine: EngineSpec


class Voices:
    """The voices of the engines offered. An unknown one is an error, never a default."""

    def __init__(self, engines: Mapping[str, EngineSpec], config: EngineConfig, default_voice: str) -> None:
        self._engines = engines
        self._config = config
        self._default = default_voice
        self._by_id = {voice.id: CataloguedVoice(voice, spec) for spec in engines.values() for voice in spec.voices(config)}

    def find(self, voice_id: str | None) -> CataloguedVoice:
        """The voice of that id, or the default voice for None.

        Raises `UnknownVoiceError`, and `EngineUnavailableError` while its engine lacks its model.
        """
        found = self._by_id.get(voice_id) if voice_id is not None else self._fallback()
        if found is None:
            raise UnknownVoiceError(f"There is no voice {voice_id!r}; GET /api/v1/voices lists them.")
        if missing := self._missing(found.engine):
            raise EngineUnavailableError(f"The engine {found.engine.name} lacks {missing[0]}; `echoctl models` fetches it.")
        return found

    def list(self) -> Sequence[CataloguedVoice]:
        """Voices whose engines are ready, in the engines' order."""
        ready = {spec.name for spec in self._engines.values() if not self._missing(spec)}
        return [found for found in self._by_id.values() if found.engine.name in ready]

    def _fallback(self) -> CataloguedVoice | None:
        """The default voice, or the first one ready where its engine is not."""
        preferred = self._by_id.get(self._default)
        if preferred is not None and not self._missing(preferred.engine):
            return preferred
        return next(iter(self.list()), preferred)

    def _missing(self, spec: EngineSpec) -> Sequence[str]:
        return spec.missing(self._config)
