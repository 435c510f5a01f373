"""Bodies synthesis serves: speech, jobs, voices."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from echo_common.contracts.values import Alignment, AudioFormat, JobStatus

VoiceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
TimestampGranularity = Literal["word"]


class Request(BaseModel):
    """Base of request bodies: what is not known is refused, never ignored."""

    model_config = ConfigDict(extra="forbid")


class SpeechConfig(Request):
    """How speech is to sound and be written."""

    output_format: AudioFormat = AudioFormat.WAV
    sample_rate: int = Field(24_000, ge=8_000, le=48_000, description="Samples a second.")
    speed: float = Field(1.0, ge=0.25, le=4.0, description="2 is twice as fast.")
    volume: float = Field(1.0, ge=0.0, le=2.0, description="Gain; 1 leaves it as it is.")
    include_timestamps: bool = Field(True, description="Whether the answer carries word times.")
    timestamp_granularity: TimestampGranularity = "word"
    engine: str | None = Field(None, max_length=40, description="Must be the voice's engine when given.")
    language: str | None = Field(None, max_length=20, description="BCP-47; the voice's own when absent.")


class SynthesizeRequest(Request):
    """Text to be spoken."""

    text: str = Field(min_length=1, description="What to say.", examples=["Hello from Echo."])
    voice_id: VoiceId | None = Field(None, description="The default voice when absent.", examples=["af_heart"])
    config: SpeechConfig = SpeechConfig()


class WordTimestamp(BaseModel):
    """When a written word sounds: seconds from the start of the audio, and its place in the text."""

    word: str
    start_time: float
    end_time: float
    char_start: int
    char_end: int


class SynthesisResult(BaseModel):
    """Finished speech."""

    synthesis_id: str
    audio_id: str
    audio_url: str = Field(description="Path of the audio on the gateway.")
    duration: float = Field(description="Seconds.")
    format: AudioFormat
    sample_rate: int
    size: int = Field(description="Bytes.")
    voice_id: str
    engine: str
    alignment: Alignment = Field(description="How the times came about.")
    word_timestamps: list[WordTimestamp] | None = None


class AsyncSynthesis(BaseModel):
    """Speech that will be made in the background; follow the job."""

    synthesis_id: str
    job_id: str
    estimated_duration: float = Field(description="Seconds the speech will last, estimated from its length.")
    status: JobStatus


class CreateJobRequest(Request):
    """One piece of synthesis work."""

    text_content: str = Field(min_length=1, description="What to say.", examples=["A long story."])
    voice_model_id: VoiceId | None = Field(None, description="Any voice one may use; the default voice when absent.")
    text_language: str | None = Field(None, max_length=20, description="BCP-47; the voice's own when absent.")
    output_format: AudioFormat = AudioFormat.WAV
    sample_rate: int = Field(24_000, ge=8_000, le=48_000)
    speed: float = Field(1.0, ge=0.25, le=4.0)
    volume: float = Field(1.0, ge=0.0, le=2.0)
    config: dict[str, Any] = Field(default_factory=dict, max_length=20, description="`include_timestamps`, `engine`.")


class JobView(BaseModel):
    """A job as its owner sees it."""

    id: str
    user_id: str
    voice_model_id: str
    text_content: str | None = None
    text_hash: str
    text_language: str | None
    text_length: int
    word_count: int
    status: JobStatus
    progress: int = Field(ge=0, le=100)
    units_done: int
    units_total: int
    config: dict[str, Any]
    output_format: AudioFormat
    sample_rate: int
    speed: float
    volume: float
    output_file_path: str | None = None
    duration: float | None = None
    error_code: str | None = None
    error_message: str | None = None
    created_at: datetime
    updated_at: datetime
    audio_id: str | None = None
    audio_url: str | None = None
    result: SynthesisResult | None = None


class JobPatch(Request):
    """What an owner may change of a job: cancel it."""

    status: Literal["cancelled"]


class Voice(BaseModel):
    """Something one can speak with."""

    id: str
    name: str
    language: str
    gender: Literal["female", "male", "neutral"]
    engine: str
    kind: Literal["built-in", "clone"] = "built-in"
    tags: list[str] = []
