"""The catalogue of voices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from echo_common.contracts.errors.synthesis import EngineUnavailableError, VoiceNotFoundError
from echo_common.contracts.http.synthesis import VoiceKind
from echo_synthesis.engine import EngineConfig, EngineSpec, EngineVoice, Gender


@dataclass(frozen=True, slots=True)
class VoiceNames:
    """Names of a voice.

    `label` identifies it in the speech cache: equal on all machines, different for each training. `name` is its name in the
    engine.
    """

    label: str
    name: str


@dataclass(frozen=True, slots=True)
class CataloguedVoice:
    """A voice and its engine; `fallback_from` is the requested engine if this voice is a fallback.

    A `private` voice is a cloned voice that not all users may use.
    """

    voice: EngineVoice
    engine: EngineSpec
    fallback_from: str | None = None
    clone: bool = False
    private: bool = False

    @property
    def kind(self) -> VoiceKind:
        """The origin of the voice."""
        return "clone" if self.clone else "built-in"

    @property
    def speaks_several(self) -> bool:
        """True if the voice speaks several languages, so that the text determines which one."""
        return self.voice.multilingual or len(self.voice.languages) > 1

    def speaks(self, language: str) -> bool:
        """Return whether the voice speaks a language (BCP-47), of any region."""
        return self.spoken(language) is not None

    def spoken(self, language: str) -> str | None:
        """Return the tag in which the voice speaks a language (BCP-47); None if it does not speak it.

        Without that region it is the voice's own language, or the first one of another region.
        """
        voice = self.voice
        if voice.multilingual:
            return language
        exact = (tag for tag in voice.others if tag.lower() == language.lower())
        return next(exact, None) or next((tag for tag in voice.languages if same_language(tag, language)), None)

    def distance(self, language: str) -> int:
        """Return the rank of a voice that speaks a language: 0 as its native one, 1 in another region, 2 as a further one."""
        if self.voice.multilingual or not same_language(self.voice.language, language):
            return 2
        return 0 if matches_language(self.voice.language, language) else 1


@dataclass(frozen=True, slots=True)
class VoiceFilter:
    """Conditions on voices; absent ones match every voice."""

    language: str | None = None
    engine: str | None = None
    gender: Gender | None = None
    kind: VoiceKind | None = None
    tag: str | None = None
    text: str | None = None

    def matches(self, found: CataloguedVoice) -> bool:
        """Return whether a voice meets all conditions. A language without a region matches all its regions."""
        voice = found.voice
        return (
            (self.language is None or any(matches_language(tag, self.language) for tag in voice.languages))
            and self.engine in {None, found.engine.name}
            and self.gender in {None, voice.gender}
            and self.kind in {None, found.kind}
            and (self.tag is None or self.tag in voice.tags)
            and (self.text is None or any(self.text.casefold() in name.casefold() for name in (voice.name, voice.id)))
        )


class Voices:
    """The voices of the engines offered. An unknown voice is an error, never replaced by a default.

    `fallback` names, for an engine, the voice to use if it is unavailable. The constructor asks the engines for their voices,
    which may take seconds over a network. Raises `ValueError` for a fallback that is no voice.
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
        self._fallbacks = fallback
        self._by_id = {voice.id: CataloguedVoice(voice, spec) for spec in engines.values() for voice in spec.voices(config)}
        if unknown := set(fallback.values()) - self._by_id.keys():
            raise ValueError(f"ECHO_SYNTHESIS_FALLBACK: there is no voice {', '.join(sorted(unknown))}.")

    def find(self, voice_id: str | None) -> CataloguedVoice:
        """Return the voice with this id, or the default voice for None.

        Raises `VoiceNotFoundError`, and `EngineUnavailableError` while its engine lacks its model.
        """
        found = self._by_id.get(voice_id) if voice_id is not None else self._first_ready()
        if found is None:
            # an engine that is not ready may not know its voices
            for spec in self._engines.values():
                if str(voice_id).startswith(f"{spec.name}_"):
                    self._require(spec)
            raise VoiceNotFoundError(f"There is no voice {voice_id!r}; GET /api/v1/voices lists them.")
        self._require(found.engine)
        return found

    def choose(self, voice_id: str | None) -> CataloguedVoice:
        """Find a voice as `find` does, or the fallback voice if its engine is not ready and the operator has configured one."""
        try:
            return self.find(voice_id)
        except EngineUnavailableError:
            found = self._by_id.get(voice_id or self._default)
            fallback = self.fallback(found.engine.name) if found is not None else None
            if fallback is None:
                raise
            return fallback

    @property
    def engines(self) -> Sequence[str]:
        """The names of the engines offered, ready or not."""
        return list(self._engines)

    def default(self, engine: str | None) -> CataloguedVoice:
        """Return the default voice, or that of an offered engine; its fallback voice if it is not ready.

        Raises `EngineUnavailableError`, and `VoiceNotFoundError` for an engine without listed voices.
        """
        if engine is None:
            return self.choose(None)
        try:
            self._require(self._engines[engine])
        except EngineUnavailableError:
            if (fallback := self.fallback(engine)) is not None:
                return fallback
            raise
        voices = [found for found in self._by_id.values() if found.engine.name == engine]
        if not voices:
            raise VoiceNotFoundError(f"The engine {engine} lists no voices; name one with voice_id.")
        return next((found for found in voices if found.voice.id == self._default), voices[0])

    def named(self, name: str) -> Sequence[CataloguedVoice]:
        """Return the voices with this name, ignoring case: of ready engines, or if there is none, of the others."""
        found = [found for found in self._by_id.values() if found.voice.name.casefold() == name.casefold()]
        return [voice for voice in found if not self._missing(voice.engine)] or found

    def speaking(self, language: str) -> Sequence[CataloguedVoice]:
        """Return the voices of ready engines that speak a language."""
        return [found for found in self.list() if found.speaks(language)]

    def remedy(self, language: str) -> str:
        """Return, without a full stop, what to do to have a language spoken that no ready engine speaks."""
        able = {found.engine.name for found in self._by_id.values() if found.speaks(language)}
        unready = [spec for spec in self._engines.values() if self._missing(spec) and (spec.remote or spec.name in able)]
        remedies = [f"for {spec.name}, {spec.remedy}" for spec in unready]
        remedies += [f"for {spec.name}, {spec.adding_voices}" for spec in self._engines.values() if spec.adding_voices]
        if not remedies:
            return "Offer an engine with a voice for it in ECHO_SYNTHESIS_ENGINES"
        return f"To add it: {'; or '.join(remedies)}"

    def fallback(self, engine: str) -> CataloguedVoice | None:
        """Return the fallback voice of this engine, if the operator has configured one and its own engine is ready."""
        found = self._by_id.get(self._fallbacks.get(engine, ""))
        if found is None or found.engine.name == engine or self._missing(found.engine):
            return None
        return replace(found, fallback_from=engine)

    def list(self) -> Sequence[CataloguedVoice]:
        """Return the voices whose engines are ready, in the engines' order."""
        ready = {spec.name for spec in self._engines.values() if not self._missing(spec)}
        return [found for found in self._by_id.values() if found.engine.name in ready]

    def _first_ready(self) -> CataloguedVoice | None:
        """Return the default voice, or the first ready one if its engine is not ready."""
        preferred = self._by_id.get(self._default)
        if preferred is not None and not self._missing(preferred.engine):
            return preferred
        return next(iter(self.list()), preferred)

    def _require(self, spec: EngineSpec) -> None:
        if missing := self._missing(spec):
            # a provider's key is set with a restart, so a retry is useless; a model may be downloading
            raise EngineUnavailableError(
                f"The engine {spec.name} lacks {missing[0]}; {spec.remedy}.", retry_after=None if spec.remote else 30
            )

    def _missing(self, spec: EngineSpec) -> Sequence[str]:
        return spec.missing(self._config)


def matches_language(tag: str, wanted: str) -> bool:
    """Return whether a BCP-47 tag is the wanted one or a more specific one: `en-US` for `en`."""
    return f"{tag}-".lower().startswith(f"{wanted}-".lower())


def same_language(first: str, other: str) -> bool:
    """Return whether two BCP-47 tags are of one language, of any region."""
    return _primary(first) == _primary(other)


def _primary(language: str) -> str:
    return language.split("-")[0].lower()
