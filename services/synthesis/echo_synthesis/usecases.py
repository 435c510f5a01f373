"""What synthesis does for people."""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from echo_common.auth.principal import Principal
from echo_common.contracts.http.synthesis import CreateJobRequest, SpeechConfig, SynthesizeRequest
from echo_common.errors import ValidationError
from echo_common.http.pagination import Page
from echo_common.ids import new_id
from echo_common.storage.port import ObjectStore
from echo_common.store.port import DuplicateError
from echo_synthesis.domain import Audio, AudioNotFoundError, Job, SpeechSettings
from echo_synthesis.narration import Narration, plan
from echo_synthesis.recording import Recorder
from echo_synthesis.repository import AudioShelf, Jobs
from echo_synthesis.settings import SynthesisSettings
from echo_synthesis.voices import Voices

_SORTABLE = frozenset({"created_at", "updated_at", "status", "duration"})
_CHARACTERS_A_SECOND = 15.0


@dataclass(frozen=True)
class Studio:
    """What the use cases work with."""

    settings: SynthesisSettings
    voices: Voices
    recorder: Recorder
    jobs: Jobs
    audio: AudioShelf
    objects: ObjectStore


async def plan_speech(text: str, voice_id: str | None, config: SpeechConfig, studio: Studio) -> Narration:
    """Check everything about a request before anything is made of it.

    Raises `UnknownVoiceError`, `EngineUnavailableError`, `ValidationError`.
    """
    if len(text) > studio.settings.max_characters:
        _refuse("text", f"The text has {len(text)} characters; at most {studio.settings.max_characters} are taken at once.")
    found = studio.voices.find(voice_id)
    if config.engine not in {None, found.engine.name}:
        _refuse("config.engine", f"The voice {found.voice.id} is spoken by {found.engine.name}, not {config.engine}.")
    if config.language and config.language.split("-")[0].lower() != found.voice.language.split("-")[0].lower():
        _refuse("config.language", f"The voice {found.voice.id} speaks {found.voice.language}, not {config.language}.")
    settings = SpeechSettings(
        voice_id=found.voice.id,
        engine=found.engine.name,
        language=found.voice.language,
        output_format=config.output_format,
        sample_rate=config.sample_rate,
        speed=config.speed,
        volume=config.volume,
        include_timestamps=config.include_timestamps,
    )
    return await plan(text, settings, found.engine)


async def synthesize(request: SynthesizeRequest, principal: Principal, studio: Studio) -> Audio:
    """Speak now; the audio is stored when this returns."""
    narration = await plan_speech(request.text, request.voice_id, request.config, studio)
    audio = await studio.recorder.record(narration, user_id=principal.user_id, synthesis_id=new_id("syn"))
    await studio.audio.add(audio)
    return audio


async def stream_speech(request: SynthesizeRequest, studio: Studio) -> tuple[Narration, AsyncIterator[bytes]]:
    """Speak now, handing out bytes as they are made; nothing is stored."""
    narration = await plan_speech(request.text, request.voice_id, request.config, studio)
    return narration, studio.recorder.stream(narration)


async def queue_job(
    text: str, voice_id: str | None, config: SpeechConfig, principal: Principal, studio: Studio, *, idempotency_key: str | None
) -> Job:
    """Put a text into the queue. The same idempotency key gives the same job again."""
    narration = await plan_speech(text, voice_id, config, studio)
    job = Job.queue(
        principal.user_id,
        text,
        narration.settings,
        word_count=narration.word_count,
        units_total=len(narration.units),
        idempotency_key=f"{principal.user_id}:{idempotency_key}" if idempotency_key else None,
    )
    try:
        await studio.jobs.add(job)
    except DuplicateError:
        first = await studio.jobs.find_one({"idempotency_key": job.idempotency_key, "user_id": principal.user_id})
        if first is None:
            raise
        return first
    return job


def config_of(request: CreateJobRequest) -> SpeechConfig:
    """The job API's flat fields as a speech configuration."""
    try:
        return SpeechConfig.model_validate(
            {
                "output_format": request.output_format,
                "sample_rate": request.sample_rate,
                "speed": request.speed,
                "volume": request.volume,
                "language": request.text_language,
                **request.config,
            }
        )
    except ValueError as error:
        raise ValidationError(
            "config: not valid.", details=[{"field": "config", "message": str(error).splitlines()[0]}]
        ) from error


async def find_job(job_id: str, principal: Principal, studio: Studio) -> Job:
    """Raises `JobNotFoundError`, for somebody else's job too."""
    return await studio.jobs.get(job_id, user_id=principal.user_id)


async def list_jobs(
    principal: Principal, page: Page, filters: Mapping[str, str | None], studio: Studio
) -> tuple[list[Job], int]:
    """A page of one's own jobs and how many there are in all."""
    where: dict[str, Any] = {"user_id": principal.user_id}
    where.update({field: value for field, value in filters.items() if value is not None})
    sort_by = page.sort_by or "created_at"
    if sort_by not in _SORTABLE:
        _refuse("sort_by", f"Sort by one of {', '.join(sorted(_SORTABLE))}.")
    jobs = studio.jobs.find(where, sort=[(sort_by, page.direction)], skip=page.offset, limit=page.limit)
    return [job async for job in jobs], await studio.jobs.count(where)


async def cancel_job(job_id: str, principal: Principal, studio: Studio) -> Job:
    """Stop a job; its worker hears of it by the event, or at its next renewal."""
    return await studio.jobs.update(job_id, Job.cancel, user_id=principal.user_id)


async def delete_job(job_id: str, principal: Principal, studio: Studio) -> None:
    """Forget a job and the audio it made."""
    job = await studio.jobs.update(job_id, Job.delete, user_id=principal.user_id)
    if job.audio_id is not None:
        with suppress(AudioNotFoundError):
            await delete_audio(job.audio_id, principal, studio)


async def find_audio(audio_id: str, principal: Principal, studio: Studio) -> Audio:
    """Raises `AudioNotFoundError`, for somebody else's audio too."""
    return await studio.audio.get(audio_id, user_id=principal.user_id)


async def delete_audio(audio_id: str, principal: Principal, studio: Studio) -> None:
    """Forget an audio and remove its object. Raises `AudioNotFoundError`."""
    audio = await studio.audio.update(audio_id, Audio.delete, user_id=principal.user_id)
    await studio.objects.delete(audio.object_key)


def estimated_seconds(job: Job) -> float:
    """How long the speech will last, by its length."""
    return round(len(job.text) / _CHARACTERS_A_SECOND / job.settings.speed, 1)


def _refuse(field: str, message: str) -> NoReturn:
    raise ValidationError(message, details=[{"field": field, "message": message}])
