"""Planning of speech: every request is validated completely before synthesis starts."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from echo_common.audio.formats import FORMATS
from echo_common.contracts.errors.synthesis import EngineUnavailableError, VoiceNotFoundError
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.errors import refuse
from echo_synthesis.catalogue.voices import CataloguedVoice, same_language
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Pronunciation, SpeechSettings
from echo_synthesis.engine import EngineSpec
from echo_synthesis.pipeline.narration import Narration, plan
from echo_synthesis.text.language import is_readable, language_of, likely_language
from echo_synthesis.text.lexicon import relevant
from echo_synthesis.usecases.echos import RequestedVoice, resolve_voice

_TAG = re.compile(r"<[^<>]{0,500}>")
_SAMPLE = 4_000


async def plan_speech(
    text: str,
    voice_id: str | None,
    config: SpeechConfig,
    user_id: str,
    deps: Dependencies,
    *,
    preferred_language: str | None = None,
) -> Narration:
    """Validate a request and resolve its voice, language and settings.

    The user's preferred language selects the voice of a request that names neither a voice nor a language, where the text does
    not tell its language; it also selects the region (`en-GB`).

    Raises `VoiceNotFoundError`, `VoiceNotReadyError`, `EchoNotReadyError`, `EngineUnavailableError`, `ValidationError`.
    """
    requested = await resolve_voice(voice_id, config, user_id, deps)
    return await plan_resolved(text, requested, user_id, deps, preferred_language=preferred_language)


async def plan_resolved(
    text: str, requested: RequestedVoice, user_id: str, deps: Dependencies, *, preferred_language: str | None = None
) -> Narration:
    """Plan the speech of a request whose echo was looked up; see `plan_speech`."""
    if len(text) > deps.settings.max_characters:
        refuse("text", f"The text has {len(text)} characters; at most {deps.settings.max_characters} are permitted.")
    speaker = await find_speaker(text, requested, user_id, deps, preferred_language=preferred_language)
    return await plan(text, speaker.settings_for(text), speaker.engine, deps.scripts, user_id)


@dataclass(frozen=True, slots=True)
class Speaker:
    """The voice of a request: its settings, and the pronunciations for it, the most specific one for a term first.

    `speaks_several` is true if the text determines the language.
    """

    settings: SpeechSettings
    engine: EngineSpec
    pronunciations: Sequence[Pronunciation]
    speaks_several: bool

    def settings_for(self, text: str) -> SpeechSettings:
        """Return the settings with the pronunciations that a text needs."""
        return self.settings.model_copy(update={"pronunciations": tuple(relevant(self.pronunciations, text))})


async def find_speaker(
    text: str, requested: RequestedVoice, user_id: str, deps: Dependencies, *, preferred_language: str | None = None
) -> Speaker:
    """Validate the options of a request and choose its voice and language by its text, or the beginning of it.

    Raises the errors of `plan_speech`.
    """
    voice_id, config = requested.voice_id, requested.config
    audio_format = FORMATS[config.output_format]
    if not audio_format.supports(config.sample_rate):
        rates = ", ".join(map(str, audio_format.rates))
        refuse("config.sample_rate", f"{audio_format.name} has no sample rate of {config.sample_rate} Hz. Use one of {rates}.")
    try:
        clone = await deps.clones.find(voice_id, user_id)
        selected = await deps.clones.selected(user_id) if voice_id is None and clone is None else None
        found, language = _voice(text, voice_id, config, clone, deps, selected, preferred_language)
    except VoiceNotFoundError as error:
        raise requested.name_echo(error) from None
    own = () if requested.echo is None else requested.echo.pronunciations
    settings = SpeechSettings(
        voice_id=found.voice.id,
        engine=found.engine.name,
        language=language,
        output_format=config.output_format,
        sample_rate=config.sample_rate,
        speed=config.speed,
        pitch=config.pitch,
        volume=config.volume,
        include_timestamps=config.include_timestamps,
        timestamp_granularity=config.timestamp_granularity,
        normalize=config.normalize,
        ssml=config.ssml,
        longest_pause=deps.settings.longest_pause,
        scope=user_id if found.private or not deps.settings.cache_shared else "",
        fallback_from=found.fallback_from,
        quality_check=config.quality_check or deps.settings.quality_gate == "calibrated",
        echo_id=None if requested.echo is None else requested.echo.id,
        style=requested.style_for(found),
    )
    pronunciations = [*own, *await _lexicon_for(language, found.voice.id, user_id, deps)]
    return Speaker(settings, found.engine, pronunciations, found.speaks_several and config.language is None)


def _voice(
    text: str,
    voice_id: str | None,
    config: SpeechConfig,
    clone: CataloguedVoice | None,
    deps: Dependencies,
    selected: str | None = None,
    preferred: str | None = None,
) -> tuple[CataloguedVoice, str]:
    """Return the voice and the language to speak.

    The language is the requested one, else that of the text if the voice speaks it, else the voice's own.
    """
    sample = _TAG.sub(" ", text[:_SAMPLE])
    wanted = config.language or language_of(sample)
    if voice_id is None:
        found, wanted = _suitable_voice(sample, wanted, config, clone, selected, preferred, deps)
    else:
        found = clone or deps.voices.choose(voice_id)
    return found, choose_language(found, wanted, sample, config, deps)


def choose_language(found: CataloguedVoice, wanted: str | None, sample: str, config: SpeechConfig, deps: Dependencies) -> str:
    """Return the language in which a voice speaks a text: the wanted one, else the text's likely one, else the voice's own.

    Raises `ValidationError` for a language that the voice does not speak, or another engine.
    """
    own, spoken = found.voice.language, ", ".join(found.voice.languages)
    wanted = wanted or _further_language(found, sample)
    if config.engine not in {None, found.engine.name, found.fallback_from}:
        refuse("config.engine", f"The voice {found.voice.id} is spoken by {found.engine.name}, not {config.engine}.")
    if not _speaks(found, wanted, sample):
        if config.language:
            refuse("config.language", f"The voice {found.voice.id} speaks {spoken}, not {wanted}.")
        what = f"in the language {wanted!r}" if wanted else "written in other letters"
        advice = "Use a voice that speaks it"
        if wanted is not None and not deps.voices.speaking(wanted):
            advice = _no_voice(wanted, None, deps)
        refuse(
            "config.language",
            f"The text seems to be {what}; the voice {found.voice.id} speaks {spoken}. {advice}, or set the language to {own} to "
            "synthesise it anyway.",
        )
    return (found.spoken(wanted) if wanted else None) or own


def _further_language(found: CataloguedVoice, sample: str) -> str | None:
    """Return the likely language of a text of a few words if it is a further one of the voice; None for its own one."""
    further = found.voice.languages[1:]
    if not further:
        return None
    likely = likely_language(sample)
    if likely is not None and found.speaks(likely):
        return likely
    if is_readable(sample, found.voice.language):
        return None
    return next((tag for tag in further if is_readable(sample, tag)), None)


def _selected(voice_id: str | None, deps: Dependencies) -> CataloguedVoice | None:
    """Return the selected built-in voice; None without one, or while its engine is not ready."""
    with suppress(VoiceNotFoundError, EngineUnavailableError):
        return deps.voices.find(voice_id) if voice_id is not None else None
    return None


def _suitable_voice(
    sample: str,
    wanted: str | None,
    config: SpeechConfig,
    clone: CataloguedVoice | None,
    selected: str | None,
    preferred: str | None,
    deps: Dependencies,
) -> tuple[CataloguedVoice, str | None]:
    """Return the voice of a request that names none, and the language to speak, if known.

    It is the user's selected voice or the default voice, if the requested engine and language allow it; otherwise the voice
    of the most similar language, local ones first.
    """
    if clone and config.engine in {None, clone.engine.name} and (config.language is None or clone.speaks(config.language)):
        return clone, wanted
    if config.engine is not None and config.engine not in deps.voices.engines:
        refuse("config.engine", f"There is no engine {config.engine!r}. Use one of {', '.join(deps.voices.engines)}.")
    default = _selected(selected, deps)
    region = preferred if default is None and config.language is None else None
    if default is None or config.engine not in {None, default.engine.name}:
        default = deps.voices.default(config.engine)
    others = [voice for voice in deps.voices.list() if config.engine in {None, voice.engine.name}]
    guess = wanted or likely_language(sample) or (preferred if preferred and is_readable(sample, preferred) else None)
    if guess is None:
        return next((voice for voice in (default, *others) if _speaks(voice, None, sample)), default), None
    if default.voice.multilingual:
        return default, guess
    fitting = [voice for voice in (default, *others) if voice.speaks(guess)]
    if fitting:
        nearest = region if region and same_language(region, guess) else guess
        return min(fitting, key=lambda voice: voice.distance(nearest)), guess
    if config.language:
        refuse("config.language", f"{_no_voice(guess, config.engine, deps)}.")
    return default, wanted


def _no_voice(language: str, engine: str | None, deps: Dependencies) -> str:
    """Return that no ready voice (of the engine) speaks a language, and what to do."""
    if engine is None:
        return f"No ready engine speaks {language}. {deps.voices.remedy(language)}"
    others = deps.voices.speaking(language)
    advice = f"Use the engine {others[0].engine.name}" if others else deps.voices.remedy(language)
    return f"No voice of {engine} speaks {language}. {advice}"


def _speaks(found: CataloguedVoice, language: str | None, sample: str) -> bool:
    """Return whether a voice speaks a language; if it is unknown, whether the voice can read the letters."""
    if language is not None:
        return found.speaks(language)
    return found.voice.multilingual or is_readable(sample, found.voice.language)


async def pronunciations_for(
    text: str, language: str, voice_id: str, user_id: str, deps: Dependencies, *, first: Sequence[Pronunciation] = ()
) -> tuple[Pronunciation, ...]:
    """Return the pronunciations that the text needs: `first` those of an echo, then the user's lexicon, most specific first."""
    return tuple(relevant([*first, *await _lexicon_for(language, voice_id, user_id, deps)], text))


async def _lexicon_for(language: str, voice_id: str, user_id: str, deps: Dependencies) -> Sequence[Pronunciation]:
    """Return the entries of the user's lexicon for a language and a voice, the most specific one for a term first."""
    entries = [entry for entry in await deps.dictionary.of(user_id) if entry.applies(language, voice_id)]
    entries.sort(key=lambda entry: entry.closeness, reverse=True)
    return [entry.pronunciation for entry in entries]
