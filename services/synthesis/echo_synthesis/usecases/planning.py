"""Planning of speech: every request is validated completely before synthesis starts."""

import re
from contextlib import suppress

from echo_common.contracts.errors.synthesis import EngineUnavailableError, VoiceNotFoundError
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_synthesis.catalogue.voices import CataloguedVoice
from echo_synthesis.domain import Pronunciation, SpeechSettings
from echo_synthesis.pipeline.narration import Narration, plan
from echo_synthesis.text.language import is_readable, language_of, likely_language
from echo_synthesis.text.lexicon import relevant
from echo_synthesis.usecases.studio import Studio, refuse

_TAG = re.compile(r"<[^<>]{0,500}>")
_SAMPLE = 4_000


async def plan_speech(text: str, voice_id: str | None, config: SpeechConfig, user_id: str, studio: Studio) -> Narration:
    """Validate a request and resolve its voice, language and settings.

    Raises `VoiceNotFoundError`, `VoiceNotReadyError`, `EngineUnavailableError`, `ValidationError`.
    """
    if len(text) > studio.settings.max_characters:
        refuse("text", f"The text has {len(text)} characters; at most {studio.settings.max_characters} are taken at once.")
    clone = await studio.clones.find(voice_id, user_id)
    selected = await studio.clones.selected(user_id) if voice_id is None and clone is None else None
    found, language = _voice(text, voice_id, config, clone, studio, selected)
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
        pronunciations=await _pronunciations(text, language, found.voice.id, user_id, studio),
        longest_pause=studio.settings.longest_pause,
        scope=user_id if found.private or not studio.settings.cache_shared else "",
        fallback_from=found.fallback_from,
    )
    return await plan(text, settings, found.engine, studio.scripts, user_id)


def _voice(
    text: str,
    voice_id: str | None,
    config: SpeechConfig,
    clone: CataloguedVoice | None,
    studio: Studio,
    selected: str | None = None,
) -> tuple[CataloguedVoice, str]:
    """Return the voice and the language to speak.

    The language is the requested one, else that of the text if the voice speaks it, else the voice's own.
    """
    sample = _TAG.sub(" ", text[:_SAMPLE])
    wanted = config.language or language_of(sample)

    def speaks(voice: CataloguedVoice) -> bool:
        if wanted is not None:
            return voice.speaks(wanted)
        return voice.voice.multilingual or is_readable(sample, voice.voice.language)

    def has(voice: CataloguedVoice) -> bool:
        return config.engine in {None, voice.engine.name, voice.fallback_from}

    found = clone or _selected(selected, studio) or studio.voices.choose(voice_id)
    if voice_id is None and clone is None:
        guess = wanted or likely_language(sample)
        able = [voice for voice in (found, *studio.voices.list()) if has(voice)]
        suited = next((voice for voice in able if guess and voice.speaks(guess)), None)
        found, wanted = suited or next(filter(speaks, able), found), guess if suited else wanted
    own = found.voice.language
    if not has(found):
        refuse("config.engine", f"The voice {found.voice.id} is spoken by {found.engine.name}, not {config.engine}.")
    if not speaks(found):
        if config.language:
            refuse("config.language", f"The voice {found.voice.id} speaks {own}, not {wanted}.")
        what = f"in the language {wanted!r}" if wanted else "written in other letters"
        refuse(
            "config.language",
            f"The text seems to be {what}; the voice {found.voice.id} speaks {own}. Take a voice that speaks it, or set the "
            f"language to {own} to have it read all the same.",
        )
    return found, wanted if wanted and found.voice.multilingual else own


def _selected(voice_id: str | None, studio: Studio) -> CataloguedVoice | None:
    """Return the selected built-in voice; None without one, or while its engine is not ready."""
    with suppress(VoiceNotFoundError, EngineUnavailableError):
        return studio.voices.find(voice_id) if voice_id is not None else None
    return None


async def _pronunciations(text: str, language: str, voice_id: str, user_id: str, studio: Studio) -> tuple[Pronunciation, ...]:
    """Return the user's lexicon entries that the text needs, the most specific entry for a term first."""
    entries = [entry for entry in await studio.dictionary.of(user_id) if entry.applies(language, voice_id)]
    entries.sort(key=lambda entry: entry.closeness, reverse=True)
    return tuple(relevant([entry.pronunciation for entry in entries], text))
