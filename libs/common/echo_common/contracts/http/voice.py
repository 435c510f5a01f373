"""Request and response bodies of voice: samples, voice models, consent."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, StringConstraints, model_validator

from echo_common.contracts.http.base import Name, RequestBody
from echo_common.contracts.values import JobStatus, JobType

Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=20)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)]
CloneKind = Literal["instant", "professional"]


class SampleStatus(StrEnum):
    """Status of a sample."""

    UPLOADED = "uploaded"
    PROCESSING = "processing"
    READY = "ready"
    REJECTED = "rejected"


class CloneStatus(StrEnum):
    """Status of a voice model."""

    PENDING = "pending"
    TRAINING = "training"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"


class SampleQuality(BaseModel):
    """Measured quality of a sample; null where a value could not be measured."""

    duration: float = Field(description="Duration of the original in seconds.")
    speech_seconds: float = Field(description="Duration of speech in seconds.")
    snr: float | None = Field(None, description="Signal-to-noise ratio of the speech in dB.")
    clipping: float = Field(description="Share of clipped samples, 0 to 1.")
    loudness: float | None = Field(None, description="Integrated loudness of the original in LUFS (ITU-R BS.1770-4).")
    mos: float | None = Field(None, description="Overall quality, 1 to 5, estimated by DNSMOS P.835.")
    language: str | None = Field(None, description="Detected language.")
    speakers: int | None = Field(None, description="Detected speakers: 1 for one, 2 for several.")
    sample_rate: int = Field(description="Sample rate of the original in Hz.")
    channels: int


class Verdict(BaseModel):
    """The verdict on a measured value, and advice."""

    measure: str
    value: float | str | None
    verdict: Literal["good", "fair", "poor", "rejected", "unknown"]
    advice: str


class SampleReceipt(BaseModel):
    """An uploaded sample."""

    sample_id: str
    job_id: str = Field(description="Id of its processing, for `/job/{job_id}`.")
    status: SampleStatus
    duplicate_of: str | None = Field(None, description="Id of your sample with identical bytes.")


class SampleView(BaseModel):
    """A sample."""

    id: str
    user_id: str
    name: str
    description: str | None
    language: str | None
    status: SampleStatus
    job_id: str
    mime: str
    size: int
    quality: SampleQuality | None
    validation: list[Verdict]
    transcript: str | None
    duplicate_of: str | None
    error_code: str | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime


class WorkReceipt(BaseModel):
    """A background task."""

    job_id: str
    status: JobStatus


class TrainingConfig(RequestBody):
    """Training options of a voice model. Cloud providers ignore them, and train no professional clones."""

    professional: ClassVar[Mapping[str, Any]] = {"epochs": 2}
    """Defaults of a professional clone that differ from those of an instant one."""

    kind: CloneKind = Field(
        "instant",
        description="instant: about a minute. professional: several minutes, more sentences, and samples of at least 60 seconds.",
    )
    epochs: int = Field(
        1,
        ge=1,
        le=50,
        description="Passes over the training sentences; training time grows with it. 2 by default for a professional clone.",
        examples=[1],
    )
    learning_rate: float = Field(
        0.1,
        gt=0,
        le=1,
        description="Step size, relative to the spread of the built-in voices: larger is faster, but less stable.",
    )
    batch_size: int = Field(
        1, ge=1, le=16, description="Sentences per step: larger batches are more stable, and make fewer steps."
    )
    restraint: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Pull towards the initial voice: a higher value keeps speech clearer, but reduces similarity.",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Random seed; the same seed and samples give the same voice.")
    enable_timestamp_alignment: bool = Field(
        True, description="Accepted for compatibility and ignored: speech always has word timings."
    )

    @model_validator(mode="before")
    @classmethod
    def _complete_professional(cls, given: Any) -> Any:
        """Add the defaults of a professional clone."""
        if isinstance(given, Mapping) and given.get("kind") == "professional":
            return {**cls.professional, **given}
        return given


class SampleTrainingConfig(RequestBody):
    """Training options on the scales that are usual for neural networks; the trainer converts them to its own."""

    kind: CloneKind = Field("instant", description="As in `POST /voice/clones`.")
    epochs: int = Field(100, ge=1, le=1_000, description="Amount of training; 100 is the trainer's default.")
    learning_rate: float = Field(0.001, ge=0.00001, le=1, description="Step size; 0.001 is the trainer's default.")
    batch_size: int = Field(32, ge=1, le=64, description="Audio excerpts per step; up to 32 are one sentence.")
    restraint: float = Field(0.02, ge=0, le=1, description="As in `POST /voice/clones`.")
    seed: int = Field(0, ge=0, lt=2**63, description="As in `POST /voice/clones`.")
    enable_timestamp_alignment: bool = Field(
        True, description="Accepted for compatibility and ignored: speech always has word timings."
    )


class TrainRequest(RequestBody):
    """A voice model to train from one sample."""

    name: Name | None = Field(None, description="Name; the sample's name when absent.", examples=["My voice"])
    config: SampleTrainingConfig = SampleTrainingConfig()
    consent: "ConsentGiven | None" = Field(
        None,
        description="As in `POST /voice/clones`. When absent, the request states what an upload to `/api/upload-reference` "
        "states, where the platform accepts an attestation.",
    )
    provider: str | None = Field(None, min_length=1, max_length=40)


class TrainingFeatures(BaseModel):
    """Features of a training."""

    timestamp_alignment_enabled: bool = Field(description="As requested; speech has word timings in any case.")
    voice_quality_enhancement: bool = Field(description="The sample is trimmed and normalised before training.")


class TrainerConfig(BaseModel):
    """A training in the trainer's own units."""

    epochs: int = Field(description="Passes over the training sentences.")
    learning_rate: float = Field(description="Step size, relative to the spread of the built-in voices.")
    batch_size: int = Field(description="Sentences per step.")
    steps: int | None = Field(description="Steps in total; null where the provider chooses them.")


class TrainingReceipt(BaseModel):
    """A queued training."""

    training_job_id: str
    clone_id: str
    estimated_duration: float = Field(description="Estimated training time in seconds.")
    status: JobStatus
    features: TrainingFeatures
    trainer_config: TrainerConfig = Field(description="The options as the trainer applies them.")


class ConsentGiven(RequestBody):
    """The speaker's consent: attested, or spoken in a separate sample."""

    attested: bool = Field(False, description="The user attests the statement.")
    statement: str | None = Field(
        None, max_length=1_000, description="Attested statement; the platform's standard statement when absent."
    )
    statement_sample_id: str | None = Field(None, max_length=64, description="Id of a sample of the spoken consent phrase.")


class CreateCloneRequest(RequestBody):
    """A voice model to train from samples."""

    name: Name = Field(examples=["My voice"])
    sample_ids: list[str] = Field(min_length=1, max_length=20, examples=[["vs_01K9ZX3V5T4S2R1Q0P9N8M7K6J"]])
    config: TrainingConfig = TrainingConfig()
    consent: ConsentGiven | None = None
    provider: str | None = Field(
        None, min_length=1, max_length=40, description="Provider: local, fish; the operator's default when absent."
    )
    language: Language | None = Field(None, description="Language of the voice; the samples' language when absent.")


class CloneReceipt(BaseModel):
    """A queued voice model."""

    clone_id: str
    job_id: str
    status: CloneStatus


class CloneQuality(BaseModel):
    """Measured quality of a voice model, by automatic measures."""

    similarity: float | None = Field(
        None,
        description="Cosine similarity of unseen sentences to the samples, by a speaker encoder that training does not optimise.",
    )
    nearest_stock: float | None = Field(None, description="The same for the similar built-in voice that training started from.")
    mos: float | None = Field(None, description="Estimated opinion score of its speech, from 1 to 5 (DNSMOS).")
    word_errors: float | None = Field(
        None, description="Share of the words of unseen sentences that a recogniser did not understand as written."
    )
    seconds: float | None = Field(None, description="Training time in seconds.")


class VoiceShare(BaseModel):
    """A voice of a mix, and its share in it."""

    voice_id: str
    share: float = Field(description="Share in the mix; all shares add up to 1.")


class TrainingView(BaseModel):
    """A training of a voice model."""

    job_id: str
    config: TrainingConfig
    status: JobStatus
    started_at: datetime
    ended_at: datetime | None
    error_message: str | None
    quality: CloneQuality | None


class CloneView(BaseModel):
    """A voice model."""

    id: str
    user_id: str
    model_id: str
    name: str
    provider: str
    engine: str | None
    language: str
    status: CloneStatus
    job_id: str | None = Field(description="Id of its training, for `/job/{job_id}`; null for a mix.")
    progress: int = Field(ge=0, le=100)
    note: str | None
    config: TrainingConfig | None = Field(description="Training options; null for a mix.")
    quality: CloneQuality | None
    sample_ids: list[str]
    voices: list[VoiceShare] = Field([], description="Voices that it is mixed from; empty unless it is a mix.")
    consent_id: str | None = Field(description="Id of the speaker's consent; null for a mix, which needs those of its voices.")
    public: bool
    shared_with: list[str]
    error_code: str | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime


class ProgressView(BaseModel):
    """Progress of a training."""

    type: Literal[JobType.TRAINING] = JobType.TRAINING
    status: JobStatus
    progress: int
    units_done: int
    units_total: int
    step: str = "steps done"
    note: str | None
    error_message: str | None


class TaskView(BaseModel):
    """A job of the type `sample_processing` or `training`."""

    id: str
    user_id: str
    type: Literal[JobType.SAMPLE_PROCESSING, JobType.TRAINING]
    status: JobStatus
    progress: int = Field(ge=0, le=100)
    units_done: int
    units_total: int
    step: str = "steps done"
    note: str | None = Field(description="The current step.")
    sample_ids: list[str] = Field(description="The processed sample, or the samples of the training.")
    clone_id: str | None = Field(description="The clone in training; null for the processing of a sample.")
    error_code: str | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime


class TaskPatch(RequestBody):
    """Changes of a job of the type `sample_processing` or `training`."""

    status: Literal["cancelled"] = Field(description="`cancelled` cancels the job.", examples=["cancelled"])


class ClonePatch(RequestBody):
    """Changes of a voice model."""

    name: Name | None = Field(None, examples=["My voice"])
    status: Literal["cancelled"] | None = Field(None, description="`cancelled` cancels the training.")


class ResumeRequest(RequestBody):
    """A request to train again."""

    config: TrainingConfig | None = Field(
        None, description="Training options; the previous ones when absent. The kind stays the same unless stated."
    )


class ConsentPhrase(BaseModel):
    """A phrase for the speaker to read aloud."""

    phrase_id: str
    text: str
    words: list[str]
    valid_until: datetime


class SpokenProofView(BaseModel):
    """Evaluation of a spoken consent."""

    sample_id: str
    heard: str
    words_heard: int
    words_asked: int
    similarity: float | None


class ConsentView(BaseModel):
    """A speaker's consent."""

    id: str
    user_id: str
    kind: Literal["attested", "spoken"]
    statement: str
    statement_version: str
    proof: SpokenProofView | None
    created_at: datetime
    revoked_at: datetime | None


TrainRequest.model_rebuild()
