"""Aggregates as the API shows them."""

from echo_common.contracts.http.synthesis import JobView, SynthesisResult, Voice, WordTimestamp
from echo_synthesis.domain import Audio, Job
from echo_synthesis.voices import CataloguedVoice


def synthesis_result(audio: Audio) -> SynthesisResult:
    """Finished speech."""
    return SynthesisResult(
        synthesis_id=audio.synthesis_id,
        audio_id=audio.id,
        audio_url=audio.url,
        duration=audio.duration,
        format=audio.settings.output_format,
        sample_rate=audio.settings.sample_rate,
        size=audio.size,
        voice_id=audio.settings.voice_id,
        engine=audio.settings.engine,
        alignment=audio.alignment,
        word_timestamps=[
            WordTimestamp(
                word=mark.word,
                start_time=mark.start,
                end_time=mark.end,
                char_start=mark.char_start,
                char_end=mark.char_end,
            )
            for mark in audio.words
        ]
        if audio.settings.include_timestamps
        else None,
    )


def job_view(job: Job, audio: Audio | None = None, *, include_text: bool = False) -> JobView:
    """A job; with its audio, the result too."""
    settings = job.settings
    return JobView(
        id=job.id,
        user_id=job.user_id,
        voice_model_id=settings.voice_id,
        text_content=job.text if include_text else None,
        text_hash=job.text_hash,
        text_language=settings.language,
        text_length=len(job.text),
        word_count=job.word_count,
        status=job.status,
        progress=job.progress,
        units_done=job.units_done,
        units_total=job.units_total,
        config={"include_timestamps": settings.include_timestamps, "engine": settings.engine},
        output_format=settings.output_format,
        sample_rate=settings.sample_rate,
        speed=settings.speed,
        volume=settings.volume,
        output_file_path=audio.url if audio else None,
        duration=job.duration,
        error_code=job.error_code,
        error_message=job.error_message,
        created_at=job.created_at,
        updated_at=job.updated_at,
        audio_id=job.audio_id,
        audio_url=audio.url if audio else None,
        result=synthesis_result(audio) if audio else None,
    )


def voice_view(found: CataloguedVoice) -> Voice:
    """A built-in voice."""
    voice = found.voice
    return Voice(
        id=voice.id,
        name=voice.name,
        language=voice.language,
        gender=voice.gender,
        engine=found.engine.name,
        tags=list(voice.tags),
    )
