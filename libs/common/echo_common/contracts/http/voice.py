"""Bodies voice serves: samples, clones, consent, sharing."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from echo_common.contracts.values import JobStatus

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=20)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)]


class Request(BaseModel):
    """Base of request bodies: what is not known is refused, never ignored."""

    model_config = ConfigDict(extra="forbid")


class SampleStatus(StrEnum):
    """Where a sample stands."""

    UPLOADED = "uploaded"
    PROCESSING = "processing"
    READY = "ready"
    REJECTED = "rejected"


class CloneStatus(StrEnum):
    """Where a clone stands."""

    PENDING = "pending"
    TRAINING = "training"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"


class SampleQuality(BaseModel):
    """What was measured of a recording; what could not be measured here is null."""

    duration: float = Field(description="Seconds of the original.")
    speech_seconds: float = Field(description="Seconds in which somebody speaks.")
    snr: float | None = Field(None, description="Speech over background, in dB.")
    clipping: float = Field(description="Share of samples at the limit of the scale, 0 to 1.")
    loudness: float | None = Field(None, description="Integrated loudness of the original, LUFS (ITU-R BS.1770-4).")
    mos: float | None = Field(None, description="Overall quality, 1 to 5, as DNSMOS P.835 estimates it.")
    language: str | None = Field(None, description="The language heard.")
    speakers: int | None = Field(None, description="1 for one voice, 2 for several.")
    sample_rate: int = Field(description="Samples a second of the original.")
    channels: int


class Verdict(BaseModel):
    """What a measure means, and what to do about it."""

    measure: str
    value: float | str | None
    verdict: Literal["good", "fair", "poor", "rejected", "unknown"]
    advice: str


class SampleReceipt(BaseModel):
    """A recording has come in."""

    sample_id: str
    status: SampleStatus
    duplicate_of: str | None = Field(None, description="A sample of mine with the very same bytes.")


class SampleView(BaseModel):
    """A recording as its owner sees it."""

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
    """Work that goes on in the background."""

    job_id: str
    status: JobStatus


class TrainingConfig(Request):
    """How a clone is trained. Providers in the cloud decide about it themselves and use none of these."""

    epochs: int = Field(2, ge=1, le=50, description="Passes over the training sentences; time grows with it.")
    learning_rate: float = Field(
        0.1,
        gt=0,
        le=1,
        description="How far a step goes, in units of the built-in voices' spread: larger is faster, less steady.",
    )
    batch_size: int = Field(
        1, ge=1, le=16, description="Sentences heard for each step: more are steadier, and make fewer steps."
    )
    restraint: float = Field(
        0.02, ge=0, le=1, description="Pull towards the voice it starts from: more keeps words clear, less comes closer."
    )
    seed: int = Field(0, ge=0, description="The same seed and samples give the same voice.")
    enable_timestamp_alignment: bool = Field(
        True, description="Accepted for compatibility: word times always come with speech."
    )


class TrainRequest(Request):
    """A clone from one sample."""

    name: Name | None = Field(None, description="The sample's name when absent.")
    config: TrainingConfig = TrainingConfig()
    consent: "ConsentGiven | None" = Field(None, description="As in `POST /voice/clones`.")
    provider: str | None = Field(None, max_length=40)


class TrainingReceipt(BaseModel):
    """A training that goes on in the background."""

    training_job_id: str
    clone_id: str
    estimated_duration: float = Field(description="Seconds, roughly.")
    status: JobStatus
    features: list[str] = Field(description="What the voice will be able to do.")


class ConsentGiven(Request):
    """The speaker's consent: attested, or spoken in a sample of its own."""

    attested: bool = Field(False, description="Whether the caller vouches for the statement.")
    statement: str | None = Field(
        None, max_length=1_000, description="What is vouched for; the platform's own words when absent."
    )
    statement_sample_id: str | None = Field(
        None, max_length=64, description="A sample in which the consent phrase is read out."
    )


class CreateCloneRequest(Request):
    """A clone from samples."""

    name: Name
    sample_ids: list[str] = Field(min_length=1, max_length=20)
    config: TrainingConfig = TrainingConfig()
    consent: ConsentGiven | None = None
    provider: str | None = Field(
        None, max_length=40, description="Who makes it: local, fish; the operator's choice when absent."
    )
    language: Language | None = Field(None, description="What it will speak; the samples' language when absent.")


class CloneReceipt(BaseModel):
    """A clone that is being made."""

    clone_id: str
    job_id: str
    status: CloneStatus


class CloneQuality(BaseModel):
    """How good a clone is, by measures of the machine that made it."""

    similarity: float | None = Field(None, description="Cosine of its speech to the samples, by the speaker encoder.")
    nearest_stock: float | None = Field(None, description="The same of the nearest built-in voice.")
    mos: float | None = None
    seconds: float | None = Field(None, description="How long the training took.")


class TrainingView(BaseModel):
    """One training."""

    job_id: str
    config: TrainingConfig
    status: JobStatus
    started_at: datetime
    ended_at: datetime | None
    error_message: str | None
    quality: CloneQuality | None


class CloneView(BaseModel):
    """A clone as its owner sees it."""

    id: str
    user_id: str
    model_id: str
    name: str
    provider: str
    engine: str | None
    language: str
    status: CloneStatus
    job_id: str
    progress: int = Field(ge=0, le=100)
    note: str | None
    config: TrainingConfig
    quality: CloneQuality | None
    sample_ids: list[str]
    consent_id: str
    public: bool
    shared_with: list[str]
    error_code: str | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime


class ProgressView(BaseModel):
    """How far a training is."""

    status: JobStatus
    progress: int
    units_done: int
    units_total: int
    step: str = "steps done"
    note: str | None
    error_message: str | None


class ClonePatch(Request):
    """What an owner may change of a clone."""

    name: Name | None = None
    status: Literal["cancelled"] | None = Field(None, description="Cancels its training.")


class ResumeRequest(Request):
    """Train once more."""

    config: TrainingConfig | None = Field(None, description="As before when absent.")


class ConsentPhrase(BaseModel):
    """What to read out."""

    phrase_id: str
    text: str
    words: list[str]
    valid_until: datetime


class SpokenProofView(BaseModel):
    """What was heard of a spoken consent."""

    sample_id: str
    heard: str
    words_heard: int
    words_asked: int
    similarity: float | None


class ConsentView(BaseModel):
    """A consent."""

    id: str
    user_id: str
    kind: Literal["attested", "spoken"]
    statement: str
    statement_version: str
    proof: SpokenProofView | None
    created_at: datetime
    revoked_at: datetime | None


class ShareRequest(Request):
    """With whom: a user, or everybody."""

    user_id: str | None = Field(None, min_length=1, max_length=64)
    public: bool = False


class Shares(BaseModel):
    """Who may speak with a clone beside its owner."""

    voice_id: str
    public: bool
    shared_with: list[str]


class BulkDeleteRequest(Request):
    """Clones to be deleted."""

    ids: list[str] = Field(min_length=1, max_length=100)


class BulkResult(BaseModel):
    """What became of one of them."""

    id: str
    deleted: bool
    error: str | None = Field(None, description="The code of what kept it from being deleted.")


class SimilarVoice(BaseModel):
    """A voice that sounds alike."""

    id: str
    name: str
    kind: Literal["builtin", "clone"]
    similarity: float = Field(description="Cosine, at most 1.")


class Selection(BaseModel):
    """The voice that speaks when a request names none."""

    voice_id: str


TrainRequest.model_rebuild()
