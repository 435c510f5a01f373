"""Speaking later."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from echo_common.auth.principal import Principal
from echo_common.contracts.http.synthesis import CreateJobRequest, SpeechConfig
from echo_common.errors import ValidationError
from echo_common.http.pagination import Page
from echo_common.store.port import DuplicateError
from echo_synthesis.domain import AudioNotFoundError, Job
from echo_synthesis.usecases.audio import delete_audio
from echo_synthesis.usecases.studio import Studio, plan_speech, refuse

_SORTABLE = frozenset({"created_at", "updated_at", "status", "duration"})
_CHARACTERS_A_SECOND = 15.0


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
        refuse("sort_by", f"Sort by one of {', '.join(sorted(_SORTABLE))}.")
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


def estimated_seconds(job: Job) -> float:
    """How long the speech will last, by its length."""
    return round(len(job.text) / _CHARACTERS_A_SECOND / job.settings.speed, 1)
