"""Conversion of aggregates to API responses."""

from datetime import timedelta

from echo_common.contracts.http.echo_api import EchoDocument, ReferenceRecord
from echo_common.contracts.http.echos import EchoRevisionView, EchoView
from echo_common.contracts.http.messages import MessageView
from echo_common.contracts.http.sharing import Shares
from echo_common.contracts.http.voice import (
    CloneQuality,
    CloneReceipt,
    CloneView,
    ConsentPhrase,
    ConsentView,
    ProgressView,
    SampleQuality,
    SampleReceipt,
    SampleView,
    SpokenProofView,
    TaskView,
    TrainerConfig,
    TrainingConfig,
    TrainingFeatures,
    TrainingReceipt,
    TrainingView,
    Verdict,
    VoiceShare,
    WorkReceipt,
)
from echo_common.contracts.values import JobStatus
from echo_voice.domain.consents import Consent, Phrase
from echo_voice.domain.echos import Echo, EchoRevision
from echo_voice.domain.messages import Message
from echo_voice.domain.samples import Sample
from echo_voice.domain.task import VoiceTask
from echo_voice.domain.voice_models import VoiceModel

_PHRASE_LIFE = timedelta(days=1)


def sample_receipt(sample: Sample) -> SampleReceipt:
    """Build the response to an upload."""
    return SampleReceipt(sample_id=sample.id, job_id=sample.job_id, status=sample.status, duplicate_of=sample.duplicate_of)


def sample_view(sample: Sample) -> SampleView:
    """Build the view of a sample."""
    return SampleView(
        **sample.model_dump(include={"id", "user_id", "name", "description", "language", "status", "job_id", "transcript"}),
        **sample.model_dump(include={"duplicate_of", "error_code", "error_message", "created_at", "updated_at"}),
        mime=sample.original.mime,
        size=sample.original.size,
        quality=SampleQuality(**sample.quality.model_dump()) if sample.quality else None,
        validation=[Verdict(**verdict.model_dump()) for verdict in sample.verdicts],
    )


def sample_work(sample: Sample) -> WorkReceipt:
    """Build the receipt of a sample's processing."""
    return WorkReceipt(job_id=sample.job_id, status=sample.work)


def clone_receipt(model: VoiceModel) -> CloneReceipt:
    """Build the response to a request for a voice model."""
    return CloneReceipt(clone_id=model.id, job_id=model.job_id, status=model.status)


def training_receipt(model: VoiceModel, seconds: float, config: TrainerConfig) -> TrainingReceipt:
    """Build the response to a request for a training; `seconds` is its estimated duration."""
    aligned = model.config.enable_timestamp_alignment
    return TrainingReceipt(
        training_job_id=model.job_id,
        clone_id=model.id,
        estimated_duration=round(seconds, 1),
        status=model.work,
        features=TrainingFeatures(timestamp_alignment_enabled=aligned, voice_quality_enhancement=True),
        trainer_config=config,
    )


def clone_view(model: VoiceModel) -> CloneView:
    """Build the view of a voice model."""
    return CloneView(
        **model.model_dump(include={"id", "user_id", "model_id", "name", "provider", "language", "consent_id"}),
        **model.model_dump(include={"note", "public", "error_code", "error_message", "created_at", "updated_at"}),
        model_id=model.model_id,
        engine=model.made.engine if model.made else None,
        status=model.status,
        progress=model.progress,
        job_id=None if model.mixed else model.job_id,
        config=None if model.mixed else TrainingConfig(**model.config.model_dump()),
        quality=CloneQuality(**model.made.quality.model_dump()) if model.made else None,
        sample_ids=list(model.sample_ids),
        voices=[VoiceShare(**voice.model_dump()) for voice in model.mixed_from],
        shared_with=list(model.shared_with),
    )


def progress_view(model: VoiceModel) -> ProgressView:
    """Build the view of a training's progress."""
    return ProgressView(
        status=model.work,
        progress=model.progress,
        units_done=model.steps_done,
        units_total=model.steps_total,
        note=model.note,
        error_message=model.error_message,
    )


def task_view(owner: VoiceTask, job_id: str) -> TaskView:
    """Build the view of a task of a sample or a voice model; the steps of an ended task with a successor are not known."""
    task = owner.task(job_id)
    current = job_id == owner.job_id
    completed = task.status is JobStatus.COMPLETED
    done, total = (owner.steps_done, owner.steps_total) if current else (int(completed), 1)
    return TaskView(
        id=job_id,
        user_id=owner.user_id,
        type=owner.job_type,
        status=task.status,
        progress=owner.progress if current else 100 * done,
        units_done=done,
        units_total=total,
        note=owner.note if current else None,
        sample_ids=list(owner.sample_ids) if isinstance(owner, VoiceModel) else [owner.id],
        clone_id=owner.id if isinstance(owner, VoiceModel) else None,
        error_code=task.error_code,
        error_message=task.error_message,
        created_at=task.started_at,
        updated_at=task.ended_at or owner.updated_at,
    )


def trainings_view(model: VoiceModel) -> list[TrainingView]:
    """Build the views of all trainings, newest first."""
    return [TrainingView(**training.model_dump()) for training in reversed(model.tasks)]


def shares_view(model: VoiceModel) -> Shares:
    """Build the view of a voice model's shares."""
    return Shares(voice_id=model.id, public=model.public, shared_with=list(model.shared_with))


def phrase_view(phrase: Phrase) -> ConsentPhrase:
    """Build the view of a consent phrase."""
    return ConsentPhrase(
        phrase_id=phrase.id, text=phrase.text, words=list(phrase.words), valid_until=phrase.created_at + _PHRASE_LIFE
    )


def consent_view(consent: Consent) -> ConsentView:
    """Build the view of a consent."""
    return ConsentView(
        **consent.model_dump(exclude={"proof", "version", "updated_at"}),
        proof=SpokenProofView(**consent.proof.model_dump()) if consent.proof else None,
    )


def reference_record(model: VoiceModel) -> ReferenceRecord:
    """Build the Echo API's view of a voice model."""
    return ReferenceRecord(
        id=model.id,
        user_id=model.client_user_id or model.user_id,
        model_id=model.model_id,
        name=model.name,
        audio_file_path=model.audio_file_path,
        file_type=model.file_type,
        echo_id=model.echo_id,
        created_at=model.created_at,
        status=model.status,
        progress=model.progress,
        error_message=model.error_message,
        status_url=f"/api/voice-models/{model.id}",
    )


def echo_document(echo: Echo) -> EchoDocument:
    """Build the Echo API's view of an echo."""
    return EchoDocument(
        id=echo.id,
        user_id=echo.client_user_id or echo.user_id,
        name=echo.name,
        persona_prompt=echo.persona_prompt,
        voice_model_id=echo.voice_id,
        created_at=echo.created_at,
    )


def echo_view(echo: Echo) -> EchoView:
    """Build the view of an echo."""
    return EchoView.model_validate(echo.model_dump())


def echo_revision_view(revision: EchoRevision) -> EchoRevisionView:
    """Build the view of an earlier state of an echo."""
    return EchoRevisionView.model_validate(revision.model_dump())


def message_view(message: Message) -> MessageView:
    """Build the view of a message."""
    return MessageView.model_validate(message, from_attributes=True)
