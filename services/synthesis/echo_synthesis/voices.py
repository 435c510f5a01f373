"""Everything one can speak with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from echo_common.contracts.errors.synthesis import EngineUnavailableError, VoiceNotFoundError
from echo_synthesis.engine import EngineConfig, EngineSpec, EngineVoice


@dataclass(frozen=True, slots=True)
class CataloguedVoice:
    """A voice and the engine that speaks it; `fallback_from` is the engine that should have.

    A `private` voice is a clone that not everybody may speak with.
    """

    voice: EngineVoice
    engine: EngineSpec
    fallback_from: str | None = None
    clone: bool = False
    private: bool = False

    def speaks(self, language: str) -> bool:
        """Whether the voice speaks a language, of whatever region (BCP-47)."""
        return self.voice.multilingual or _primary(language) == _primary(self.voice.language)


class Voices:
    """The voices of the engines offered. An unknown one is an error, never a default.

    `fallback` names, for an engine, the voice to speak with when that engine cannot. Asks the engines for their voices, which
    may take seconds over a network. Raises `ValueError` for a fallback that is no voice.
    """

    def __init__(
        self,
        engines: Mapping[str, EngineSpec],
        config: EngineConfig,
        default_voice: str,
        fallback: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._engines = engines
        self._config = config
        self._default = default_voice
        self._spares = fallback
        self._by_id = {voice.id: CataloguedVoice(voice, spec) for spec in engines.values() for voice in spec.voices(config)}
        if unknown := set(fallback.values()) - self._by_id.keys():
            raise ValueError(f"ECHO_SYNTHESIS_FALLBACK: there is no voice {', '.join(sorted(unknown))}.")

    def find(self, voice_id: str | None) -> CataloguedVoice:
        """The voice of that id, or the default voice for None.

        Raises `VoiceNotFoundError`, and `EngineUnavailableError` while its engine lacks its model.
        """
        found = self._by_id.get(voice_id) if voice_id is not None else self._fallback()
        if found is None:
            # an engine that is not ready may not know its voices
            for spec in self._engines.values():
                if str(voice_id).startswith(f"{spec.name}_"):
                    self._require(spec)
            raise VoiceNotFoundError(f"There is no voice {voice_id!r}; GET /api/v1/voices lists them.")
        self._require(found.engine)
        return found

    def choose(self, voice_id: str | None) -> CataloguedVoice:
        """As `find`, but an engine that is not ready is stood in for, where an operator has said by what."""
        try:
            return self.find(voice_id)
        except EngineUnavailableError:
            found = self._by_id.get(voice_id or self._default)
            spare = self.spare(found.engine.name) if found is not None else None
            if spare is None:
                raise
            return spare

    def spare(self, engine: str) -> CataloguedVoice | None:
        """The voice to speak with when this engine cannot, if an operator named one and its own engine is ready."""
        found = self._by_id.get(self._spares.get(engine, ""))
        if found is None or found.engine.name == engine or self._missing(found.engine):
            return None
        return replace(found, fallback_from=engine)

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

    def _require(self, spec: EngineSpec) -> None:
        if missing := self._missing(spec):
            # what a provider wants, its key, comes with a restart; a model may be on its way
            raise EngineUnavailableError(
                f"The engine {spec.name} lacks {missing[0]}; {spec.remedy}.", retry_after=None if spec.remote else 30
            )

    def _missing(self, spec: EngineSpec) -> Sequence[str]:
        return spec.missing(self._config)


def _primary(language: str) -> str:
    return language.split("-")[0].lower()
