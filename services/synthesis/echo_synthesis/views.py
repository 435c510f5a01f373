"""Conversion of aggregates to API responses."""

from collections.abc import Sequence

from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.http.generate import GeneratedFile, GenerateView
from echo_common.contracts.http.normalization import DictionaryEntryView, Script, ScriptPause, ScriptUnit, ScriptWord
from echo_common.contracts.http.provenance import Mark, OriginView, Verification
from echo_common.contracts.http.synthesis import (
    AudioInfo,
    ChapterView,
    JobView,
    QualityView,
    ReplacedSegment,
    StreamedEnd,
    SyllableTimestamp,
    SynthesisResult,
    Voice,
    VoiceRating,
    WordTimestamp,
)
from echo_common.contracts.http.texts import TextView
from echo_common.contracts.values import JobStatus
from echo_synthesis.catalogue.ratings import MeanRating
from echo_synthesis.catalogue.voices import CataloguedVoice
from echo_synthesis.domain import Audio, AudioQuality, Chapter, DictionaryEntry, Job, SpeechSettings, TextEntry, WordTiming
from echo_synthesis.pipeline.narration import Narration
from echo_synthesis.pipeline.totals import Totals
from echo_synthesis.usecases.requests import Synthesis
from echo_synthesis.usecases.verify import Finding

_SHOWN_OPTIONS = {"output_format", "sample_rate", "speed", "pitch", "volume", "language"}


def synthesis_result(audio: Audio, words: Sequence[WordTiming]) -> SynthesisResult:
    """Build the view of stored audio and its word timings."""
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
        fallback_from=audio.settings.fallback_from,
        alignment=audio.alignment,
        word_timestamps=word_views(words, audio.settings),
        syllable_timestamps=syllable_views(words, audio.settings),
        chapters=_chapter_views(audio.chapters),
        text_id=audio.text_id,
        metadata=dict(audio.metadata),
        units=audio.units,
        cached_units=audio.cached_units,
        revision=audio.revision,
        quality=None if audio.quality is None else quality_view(audio.quality),
    )


def quality_view(quality: AudioQuality) -> QualityView:
    """Build the view of the measurements of an audio."""
    complete = quality.transcribed == quality.checked and quality.transcribed > 0
    return QualityView(
        checked=quality.checked,
        method="recognizer" if complete else "partial" if quality.transcribed else "signal",
        not_transcribed=quality.not_transcribed,
        transcribed=quality.transcribed,
        word_error_rate=round(quality.word_errors / max(1, quality.words), 4) if quality.transcribed else None,
        attempts=quality.attempts,
        repeated=quality.repeated,
        with_problems=quality.with_problems,
    )


def streamed_end(totals: Totals) -> StreamedEnd:
    """Build the summary at the end of a stream."""
    settings = totals.settings
    return StreamedEnd(
        duration=totals.duration,
        format=settings.output_format,
        sample_rate=settings.sample_rate,
        voice_id=settings.voice_id,
        engine=settings.engine,
        fallback_from=settings.fallback_from,
        alignment=totals.alignment,
        chapters=_chapter_views(totals.chapters),
        units=totals.units,
        cached_units=totals.cached_units,
        quality=quality_view(totals.quality.explain("stream")),
    )


def word_views(words: Sequence[WordTiming], settings: SpeechSettings) -> list[WordTimestamp] | None:
    """Build the word timings, if requested."""
    if not settings.include_timestamps or settings.timestamp_granularity == "syllable":
        return None
    return [
        WordTimestamp(
            word=mark.word,
            spoken=mark.spoken,
            start_time=mark.start,
            end_time=mark.end,
            char_start=mark.char_start,
            char_end=mark.char_end,
        )
        for mark in words
    ]


def syllable_views(words: Sequence[WordTiming], settings: SpeechSettings) -> list[SyllableTimestamp] | None:
    """Build the syllable timings, if requested."""
    if not settings.include_timestamps or settings.timestamp_granularity == "word":
        return None
    return [
        SyllableTimestamp(syllable=text, start_time=start, end_time=end, word_index=index)
        for index, mark in enumerate(words)
        for text, start, end in mark.syllables
    ]


def entry_view(entry: DictionaryEntry) -> DictionaryEntryView:
    """Build the view of a lexicon entry."""
    return DictionaryEntryView.model_validate(entry, from_attributes=True)


def script_view(narration: Narration) -> Script:
    """Build the view of a planned text."""
    parts: list[ScriptUnit | ScriptPause] = []
    for spaced in narration.script:
        words = [
            ScriptWord(
                word=word.text, spoken=spaced.segment.said(word), char_start=word.written.start, char_end=word.written.end
            )
            for word in spaced.segment.words
        ]
        tone, heading = spaced.segment.tone, spaced.segment.heading
        unit = ScriptUnit(
            text=spaced.segment.text,
            words=words,
            rate=tone.rate,
            volume=tone.volume,
            pitch=tone.pitch,
            heading=heading.level if heading else 0,
        )
        parts += [ScriptPause(seconds=spaced.before)] if spaced.before else []
        parts += [unit, ScriptPause(seconds=spaced.after)] if spaced.after else [unit]
    return Script(
        language=narration.settings.language,
        voice_id=narration.settings.voice_id,
        spoken_text=" ".join(spaced.segment.text for spaced in narration.script),
        word_count=narration.script.word_count,
        parts=parts,
    )


def job_view(
    job: Job, result: SynthesisResult | None = None, *, include_text: bool = False, queue_position: int | None = None
) -> JobView:
    """Build the view of a job, with its result if given."""
    settings = job.settings
    url = Audio.url_of(job.audio_id) if job.audio_id else None
    config = {"include_timestamps": settings.include_timestamps, **job.config, "engine": settings.engine}
    return JobView(
        id=job.id,
        user_id=job.user_id,
        synthesis_id=job.synthesis_id,
        voice_model_id=settings.voice_id,
        text_content=job.text if include_text else None,
        text_id=job.text_id,
        text_hash=job.text_hash,
        text_language=settings.language,
        text_length=job.text_length,
        word_count=job.word_count,
        status=job.status,
        progress=job.progress,
        units_done=job.units_done,
        units_total=job.units_total,
        queue_position=queue_position,
        eta_seconds=job.seconds_left,
        config={name: value for name, value in config.items() if name not in _SHOWN_OPTIONS},
        metadata=dict(job.metadata),
        output_format=settings.output_format,
        sample_rate=settings.sample_rate,
        speed=settings.speed,
        pitch=settings.pitch,
        volume=settings.volume,
        output_file_path=url,
        duration=job.duration,
        error_code=job.error_code,
        error_message=job.error_message,
        created_at=job.created_at,
        updated_at=job.updated_at,
        audio_id=job.audio_id,
        audio_url=url,
        replaces=ReplacedSegment(audio_id=job.replaces.audio_id, segment=job.replaces.number) if job.replaces else None,
        result=result,
    )


def _chapter_views(chapters: Sequence[Chapter]) -> list[ChapterView] | None:
    return [ChapterView(title=part.title, start_time=part.start, end_time=part.end) for part in chapters] or None


def generate_view(found: Synthesis) -> GenerateView:
    """Build the view of a request in the simple API."""
    job, audio = found.job, found.audio
    known = job or audio
    assert known is not None  # noqa: S101 - at least one is set
    return GenerateView(
        id=known.synthesis_id,
        job_id=job.id if job else None,
        text=_text(found),
        voice_name=known.settings.voice_id,
        status=job.status if job else JobStatus.COMPLETED,
        duration=known.duration,
        files=[GeneratedFile(path=audio.url, mime=audio.mime, size=audio.size, checksum=audio.checksum)] if audio else [],
        metadata=dict(known.metadata),
        error_message=job.error_message if job else None,
        created_at=known.created_at,
        updated_at=known.updated_at,
    )


def _text(found: Synthesis) -> str | None:
    """Return the text that is spoken: that of the job, unless a segment of its audio was replaced with another text."""
    if found.audio is not None and found.audio.text is not None and not (found.job and found.job.replaces):
        return found.audio.text
    return found.job.text if found.job else None


def audio_info(audio: Audio) -> AudioInfo:
    """Build the metadata of an audio, without its words."""
    return AudioInfo(
        id=audio.id,
        url=audio.url,
        mime=audio.mime,
        format=audio.settings.output_format,
        sample_rate=audio.settings.sample_rate,
        size=audio.size,
        checksum=audio.checksum,
        duration=audio.duration,
        revision=audio.revision,
        synthesis_id=audio.synthesis_id,
        job_id=audio.job_id,
        text_id=audio.text_id,
        metadata=dict(audio.metadata),
        created_at=audio.created_at,
    )


def text_view(entry: TextEntry) -> TextView:
    """Build the view of a text entry."""
    return TextView(**entry.model_dump(include={"id", "content", "language", "created_at", "updated_at"}))


def voice_view(found: CataloguedVoice, rating: MeanRating | None) -> Voice:
    """Build the view of a voice."""
    voice = found.voice
    return Voice(
        id=voice.id,
        name=voice.name,
        language=voice.language,
        languages=list(voice.languages),
        multilingual=voice.multilingual,
        gender=voice.gender,
        engine=found.engine.name,
        tags=list(voice.tags),
        styles=found.engine.styles,
        kind=found.kind,
        rating=VoiceRating(mean=rating.mean, count=rating.count) if rating else None,
    )


_SENTENCES = {
    "genuine": "The manifest was signed here, and nothing in the file was changed since.",
    "changed": "The manifest was signed here, but the file was changed since: its audio may differ.",
    "foreign": "The manifest was signed by another party.",
    "unreadable": "The file may have a manifest, but it is damaged or exceeds the limits of the reader.",
}
_WATERMARK = "The sound has the watermark that this installation puts into cloned speech; it may have been edited since."


def verification(finding: Finding, principal: Principal) -> Verification:
    """Build the result of a verification; only admins and the user who requested the speech see its origin."""
    marks = (
        [Mark(kind="checksum", verdict="genuine", message="Echo stored or streamed exactly these bytes.")]
        if finding.recorded
        else []
    )
    if finding.manifest is not None:
        marks.append(Mark(kind="manifest", verdict=finding.manifest, message=_SENTENCES[finding.manifest]))
    if finding.watermark:
        marks.append(Mark(kind="watermark", verdict="genuine", message=_WATERMARK))
    record = finding.record
    told = record is not None and (principal.may(Scope.ADMIN) or record.user_id == principal.user_id)
    return Verification(
        generated_here=finding.generated_here,
        cloned=finding.cloned,
        created_at=record.created_at if record and finding.certain else None,
        checksum=finding.checksum,
        marks=marks,
        origin=OriginView(**record.model_dump(exclude={"checksum"})) if record and told else None,
    )
