"""Bodies synthesis serves: speech, jobs, voices."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from echo_common.contracts.values import Alignment, AudioFormat, JobStatus, TimestampGranularity

VoiceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
TextId = Annotated[str, StringConstraints(pattern=r"^txt_[0-9A-Z]{26}$")]
CACHED_UNITS = "Units spoken before, or at the same time, for the same user; other users' requests never count."


class Request(BaseModel):
    """Base of request bodies: what is not known is refused, never ignored."""

    model_config = ConfigDict(extra="forbid")


class SpeechConfig(Request):
    """How speech is to sound and be written."""

    output_format: AudioFormat = AudioFormat.WAV
    sample_rate: int = Field(24_000, ge=8_000, le=48_000, description="Samples a second.")
    speed: float = Field(1.0, ge=0.25, le=4.0, description="2 is twice as fast.")
    pitch: float = Field(1.0, ge=0.5, le=2.0, description="2 is an octave higher; the pace stays.")
    volume: float = Field(1.0, ge=0.0, le=2.0, description="Gain; 1 leaves it as it is.")
    include_timestamps: bool = Field(True, description="Whether the answer carries times.")
    timestamp_granularity: TimestampGranularity = Field("word", description="Whether they are of words, syllables or both.")
    normalize: bool = Field(True, description="Whether numbers, signs and Markdown are read as a person would.")
    ssml: bool | None = Field(None, description="Whether the text is SSML; when absent, it is if it begins with `<speak`.")
    engine: str | None = Field(None, max_length=40, description="Must be the voice's engine when given.")
    language: str | None = Field(None, max_length=20, description="BCP-47; found out, or the voice's own, when absent.")


class SynthesizeRequest(Request):
    """Text to be spoken: written here, or saved before."""

    text: str | None = Field(None, min_length=1, description="What to say.", examples=["Hello from Echo."])
    text_id: TextId | None = Field(None, description="A saved text entry to say, instead of `text`.")
    voice_id: VoiceId | None = Field(None, description="The default voice when absent.", examples=["af_heart"])
    config: SpeechConfig = SpeechConfig()

    @model_validator(mode="after")
    def _one_text(self) -> "SynthesizeRequest":
        _require_one("text", self.text, self.text_id)
        return self


class StreamQuery(SpeechConfig):
    """The same for what can only open a URL."""

    text: str | None = Field(None, min_length=1, max_length=4_000, description="What to say.", examples=["Hello from Echo."])
    text_id: TextId | None = Field(None, description="A saved text to say, instead of `text`.")
    voice_id: VoiceId | None = Field(None, description="The default voice when absent.")
    output_format: AudioFormat = AudioFormat.MP3
    ticket: str | None = Field(None, min_length=1, max_length=100, description="Stands for the token, once.")


class ReferenceSpeech(Request):
    """The Echo API's request: a text, and the voice model that speaks it."""

    text: str = Field(min_length=1, max_length=100_000, description="What to say.", examples=["Hello from Echo."])
    reference_id: VoiceId = Field(description="A voice model's `reference_id`.")


class WordTimestamp(BaseModel):
    """When a written word sounds: seconds from the start of the audio, and its place in the text."""

    word: str = Field(description="As it is written.")
    spoken: str | None = Field(None, description="As it is spoken, where that is not as it is written.")
    start_time: float
    end_time: float
    char_start: int
    char_end: int


class SyllableTimestamp(BaseModel):
    """When a syllable sounds: seconds from the start of the audio. Syllables are of the words as they are spoken."""

    syllable: str
    start_time: float
    end_time: float
    word_index: int = Field(description="Which of the written words it belongs to.")


class ChapterView(BaseModel):
    """A part of an audio that the text has a heading for; seconds from the start."""

    title: str
    start_time: float
    end_time: float


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
    fallback_from: str | None = Field(None, description="The engine that should have spoken, when another stood in for it.")
    alignment: Alignment = Field(description="How the times came about.")
    word_timestamps: list[WordTimestamp] | None = None
    syllable_timestamps: list[SyllableTimestamp] | None = None
    chapters: list[ChapterView] | None = Field(None, description="Where the text has headings.")
    text_id: str | None = Field(None, description="The saved text that was spoken, if it was one.")
    units: int = Field(0, description="Sentences, or parts of long ones, that it was spoken in.")
    cached_units: int = Field(0, description=CACHED_UNITS)


class StreamTicketView(BaseModel):
    """A stand-in for the access token in one request."""

    ticket: str
    expires_in: int = Field(description="Seconds.")
    stream_url: str = Field(description="Path on the gateway; add `text` and whatever else to its query.")


class StreamedAudio(BaseModel):
    """An `audio` event: decoded and put one after the other, the pieces are one valid file."""

    audio: str = Field(description="Base64 of the next bytes; may be empty.")
    word_timestamps: list[WordTimestamp] = []
    syllable_timestamps: list[SyllableTimestamp] = []


class StreamedEnd(BaseModel):
    """The `done` event, the last one: without it the audio is not whole."""

    duration: float
    format: AudioFormat
    sample_rate: int
    voice_id: str
    engine: str
    fallback_from: str | None = None
    alignment: Alignment
    chapters: list[ChapterView] | None = None
    units: int
    cached_units: int = Field(description=CACHED_UNITS)


class AsyncSynthesis(BaseModel):
    """Speech that will be made in the background; follow the job."""

    synthesis_id: str
    job_id: str
    estimated_duration: float = Field(description="Seconds the speech will last, estimated from its length.")
    status: JobStatus


class CreateJobRequest(Request):
    """One piece of synthesis work."""

    text_content: str | None = Field(None, min_length=1, description="What to say.", examples=["A long story."])
    text_id: TextId | None = Field(None, description="A saved text entry to say, instead of `text_content`.")
    voice_model_id: VoiceId | None = Field(None, description="Any voice one may use; the default voice when absent.")
    text_language: str | None = Field(None, max_length=20, description="BCP-47; the voice's own when absent.")
    output_format: AudioFormat = AudioFormat.WAV
    sample_rate: int = Field(24_000, ge=8_000, le=48_000)
    speed: float = Field(1.0, ge=0.25, le=4.0)
    pitch: float = Field(1.0, ge=0.5, le=2.0)
    volume: float = Field(1.0, ge=0.0, le=2.0)
    config: dict[str, Any] = Field(
        default_factory=dict, max_length=20, description="Whatever else speech takes: `include_timestamps`, `engine` …"
    )

    @model_validator(mode="after")
    def _one_text(self) -> "CreateJobRequest":
        _require_one("text_content", self.text_content, self.text_id)
        return self


class JobChange(Request):
    """What may be changed of a job while it waits; what is not given stays."""

    text_content: str | None = Field(None, min_length=1, description="What to say.")
    output_format: AudioFormat | None = None
    sample_rate: int | None = Field(None, ge=8_000, le=48_000)
    speed: float | None = Field(None, ge=0.25, le=4.0)
    pitch: float | None = Field(None, ge=0.5, le=2.0)
    volume: float | None = Field(None, ge=0.0, le=2.0)
    config: dict[str, Any] | None = Field(None, max_length=20)


class JobPatch(JobChange):
    """A change of some of a job. The owner may cancel it, or change it while it waits.

    The rest is for administrators: other statuses, and what otherwise only workers write.
    """

    status: JobStatus | None = Field(None, description="`cancelled`; for administrators also `pending` and `failed`.")
    progress: int | None = Field(None, ge=0, le=99)
    duration: float | None = Field(None, ge=0)
    error_message: str | None = Field(None, max_length=1_000)
    output_file_path: str | None = Field(None, max_length=1_000)

    def given(self, names: Collection[str]) -> dict[str, Any]:
        """Those of the fields that have a value."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class JobView(BaseModel):
    """A job as its owner sees it."""

    id: str
    user_id: str
    synthesis_id: str
    voice_model_id: str
    text_content: str | None = None
    text_id: str | None = None
    text_hash: str
    text_language: str | None
    text_length: int
    word_count: int
    status: JobStatus
    progress: int = Field(ge=0, le=100)
    units_done: int
    units_total: int
    queue_position: int | None = Field(None, ge=0, description="How many jobs wait before it; while it waits.")
    eta_seconds: float | None = Field(None, description="How long it will take still, estimated; while it is processed.")
    config: dict[str, Any]
    output_format: AudioFormat
    sample_rate: int
    speed: float
    pitch: float
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


class GenerateRequest(Request):
    """The simple form: a text and a voice's name or id."""

    text: str = Field(min_length=1, description="What to say.", examples=["Hello from Echo."])
    voice_name: str | None = Field(None, max_length=100, description="The default voice when absent.", examples=["Heart"])
    config: SpeechConfig = SpeechConfig()


class GeneratedFile(BaseModel):
    """A file that a request has made. `path` is on the gateway; `checksum` is the SHA-256 of the bytes, in hex."""

    path: str
    mime: str
    size: int
    checksum: str


class GenerateView(BaseModel):
    """A request of the simple form."""

    id: str
    job_id: str | None = None
    text: str | None = None
    voice_name: str
    status: JobStatus
    duration: float | None = None
    files: list[GeneratedFile] = []
    error_message: str | None = None
    created_at: datetime
    updated_at: datetime


class AudioInfo(BaseModel):
    """What is known of a stored audio. `checksum` is the SHA-256 of its bytes, in hex, and its ETag."""

    id: str
    url: str
    mime: str
    format: AudioFormat
    sample_rate: int
    size: int
    checksum: str
    duration: float
    synthesis_id: str
    job_id: str | None = None
    created_at: datetime


class LinkRequest(Request):
    """How long a link is to hold."""

    expires_in: int = Field(300, ge=1, le=300, description="Seconds.")


class SignedLink(BaseModel):
    """An audio for whoever has the link. `url` is a path on the gateway."""

    url: str
    expires_at: datetime


class CreateText(Request):
    """A text to keep."""

    content: str = Field(min_length=1, examples=["A long story."])
    language: str | None = Field(None, max_length=20, description="BCP-47.", examples=["en-US"])


class TextPatch(Request):
    """What is to change of a saved text."""

    content: str | None = Field(None, min_length=1)
    language: str | None = Field(None, max_length=20, description="BCP-47; null forgets it.")


class TextView(BaseModel):
    """A saved text."""

    id: str
    content: str
    language: str | None = None
    created_at: datetime
    updated_at: datetime


class Voice(BaseModel):
    """Something one can speak with."""

    id: str
    name: str
    language: str
    gender: Literal["female", "male", "neutral"]
    engine: str
    kind: Literal["built-in", "clone"] = "built-in"
    tags: list[str] = []


def _require_one(name: str, written: str | None, saved: str | None) -> None:
    if (written is None) == (saved is None):
        raise ValueError(f"either {name} or text_id, one of them")
