"""What the use cases work with, and the plan that every piece of speech begins with."""

from dataclasses import dataclass
from typing import NoReturn

from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.errors import ValidationError
from echo_common.storage.port import ObjectStore
from echo_synthesis.domain import SpeechSettings
from echo_synthesis.links import Links
from echo_synthesis.narration import Narration, plan
from echo_synthesis.recording import Recorder
from echo_synthesis.repository import AudioShelf, Jobs, Texts
from echo_synthesis.settings import SynthesisSettings
from echo_synthesis.speechcache import SpeechCache
from echo_synthesis.tickets import Tickets
from echo_synthesis.voices import Voices


@dataclass(frozen=True)
class Studio:
    """What the use cases work with."""

    settings: SynthesisSettings
    voices: Voices
    recorder: Recorder
    jobs: Jobs
    audio: AudioShelf
    texts: Texts
    objects: ObjectStore
    cache: SpeechCache
    tickets: Tickets
    links: Links


async def plan_speech(text: str, voice_id: str | None, config: SpeechConfig, studio: Studio) -> Narration:
    """Check everything about a request before anything is made of it.

    Raises `UnknownVoiceError`, `EngineUnavailableError`, `ValidationError`.
    """
    if len(text) > studio.settings.max_characters:
        refuse("text", f"The text has {len(text)} characters; at most {studio.settings.max_characters} are taken at once.")
    found = studio.voices.choose(voice_id)
    if config.engine not in {None, found.engine.name, found.fallback_from}:
        refuse("config.engine", f"The voice {found.voice.id} is spoken by {found.engine.name}, not {config.engine}.")
    if config.language and not found.speaks(config.language):
        refuse("config.language", f"The voice {found.voice.id} speaks {found.voice.language}, not {config.language}.")
    settings = SpeechSettings(
        voice_id=found.voice.id,
        engine=found.engine.name,
        language=config.language if config.language and found.voice.multilingual else found.voice.language,
        output_format=config.output_format,
        sample_rate=config.sample_rate,
        speed=config.speed,
        pitch=config.pitch,
        volume=config.volume,
        include_timestamps=config.include_timestamps,
        fallback_from=found.fallback_from,
    )
    return await plan(text, settings, found.engine)


def refuse(field: str, message: str) -> NoReturn:
    """Say what is wrong with one field of a request. Raises `ValidationError`."""
    raise ValidationError(message, details=[{"field": field, "message": message}])
