"""Request and response bodies of synthesis: speech, jobs, voices."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints, model_validator

from echo_common.contracts.http.alternatives import exactly_one
from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.http.metadata import Metadata
from echo_common.contracts.values import (
    Alignment,
    AudioFormat,
    JobStatus,
    JobType,
    Latency,
    NotTranscribed,
    QualityMethod,
    TimestampGranularity,
)

VoiceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
TextId = Annotated[str, StringConstraints(pattern=r"^txt_[0-9A-Z]{26}$")]
VoiceKind = Literal["built-in", "clone"]
Gender = Literal["female", "male", "neutral"]
_LATENCY = "`low` speaks the first phrase of a long first sentence alone, so that the audio starts sooner."
CACHED_UNITS = "Units spoken before, or at the same time, for the same user; other users' requests never count."


class SpeechConfig(RequestBody):
    """Options of synthesis and output."""

    output_format: AudioFormat = AudioFormat.WAV
    sample_rate: int = Field(
        24_000,
        ge=8_000,
        le=48_000,
        description="Sample rate in Hz. MP3, Ogg and AAC have certain rates only; others are refused with the list.",
    )
    speed: float = Field(1.0, ge=0.25, le=4.0, description="Speed factor; 2 is twice as fast.")
    pitch: float = Field(1.0, ge=0.5, le=2.0, description="Pitch factor; 2 is an octave higher at the same speed.")
    volume: float = Field(1.0, ge=0.0, le=2.0, description="Gain factor; 1 leaves the volume unchanged.")
    include_timestamps: bool = Field(True, description="Include timings in the response.")
    timestamp_granularity: TimestampGranularity = Field("word", description="Word timings, syllable timings, or both.")
    normalize: bool = Field(True, description="Verbalise numbers, symbols and Markdown.")
    ssml: bool | None = Field(None, description="Treat the text as SSML; when absent, SSML is detected by a leading `<speak`.")
    engine: str | None = Field(
        None,
        min_length=1,
        max_length=40,
        description="Engine; without a voice, its default voice speaks. Must be the voice's engine otherwise.",
    )
    language: str | None = Field(
        None,
        min_length=1,
        max_length=20,
        description="BCP-47 tag; when absent, detected from the text, or the voice's own. Without a voice, it selects one.",
    )
    quality_check: bool = Field(
        False,
        description="Compare stored speech with its text by speech recognition, and speak bad segments again. The result's "
        "`quality` tells what was measured.",
    )


class SpokenText(RequestBody):
    """Text to synthesise: inline, or a saved text entry."""

    model_config = exactly_one("text", "text_id")

    text: str | None = Field(None, min_length=1, description="Text to synthesise.", examples=["Hello from Echo."])
    text_id: TextId | None = Field(None, description="Id of a saved text entry, instead of `text`.")
    voice_id: VoiceId | None = Field(None, description="Voice; the default voice when absent.", examples=["af_heart"])
    config: SpeechConfig = SpeechConfig()

    @model_validator(mode="after")
    def _one_text(self) -> "SpokenText":
        _require_one("text", self.text, self.text_id)
        return self


class StreamRequest(SpokenText):
    """Text to synthesise to streamed audio."""

    latency: Latency = Field("normal", description=_LATENCY)


class SynthesizeRequest(SpokenText):
    """Text to synthesise to stored audio."""

    metadata: Metadata = Field({})


class StreamQuery(SpeechConfig):
    """Synthesis options as a query, for clients that can only open a URL."""

    text: str | None = Field(
        None, min_length=1, max_length=4_000, description="Text to synthesise.", examples=["Hello from Echo."]
    )
    text_id: TextId | None = Field(None, description="Id of a saved text entry, instead of `text`.")
    voice_id: VoiceId | None = Field(None, description="Voice; the default voice when absent.")
    output_format: AudioFormat = Field(AudioFormat.MP3, description="Format of the audio.")
    latency: Latency = Field("normal", description=_LATENCY)
    ticket: str | None = Field(
        None, min_length=1, max_length=100, description="Single-use ticket that replaces the access token."
    )


class ReferenceSpeech(RequestBody):
    """A synthesis request of the Echo API: a text and a voice model."""

    text: str = Field(min_length=1, max_length=100_000, description="Text to synthesise.", examples=["Hello from Echo."])
    reference_id: VoiceId = Field(description="A voice model's `reference_id`.")


class WordTimestamp(BaseModel):
    """A word timing: seconds from the start of the audio, and the word's position in the text."""

    word: str = Field(description="The word as written.")
    spoken: str | None = Field(None, description="The word as spoken, where it differs.")
    start_time: float
    end_time: float
    char_start: int
    char_end: int


class SyllableTimestamp(BaseModel):
    """A syllable timing, in seconds from the start of the audio. Syllables are those of the spoken words."""

    syllable: str
    start_time: float
    end_time: float
    word_index: int = Field(description="Index of the written word.")


class ChapterView(BaseModel):
    """A part of an audio under a heading of the text; times in seconds from the start."""

    title: str
    start_time: float
    end_time: float


class QualityView(BaseModel):
    """Measurements of an audio. Every segment is checked for silence, clipping and duration; bad ones are spoken again."""

    checked: int = Field(description="Number of segments with speech; all of them are checked.")
    method: QualityMethod = Field(
        description="`recognizer` if all segments were compared with their text, `partial` if some were, otherwise `signal`."
    )
    not_transcribed: NotTranscribed | None = Field(
        None, description="Reason why some segments, or all, were not compared with their text."
    )
    transcribed: int = Field(description="Number of segments that were compared with their text.")
    word_error_rate: float | None = Field(
        None, description="Share of their words that the recogniser heard differently; it makes errors, too."
    )
    attempts: int = Field(description="Number of takes of all segments, of which the best ones are in the audio.")
    repeated: int = Field(description="Number of segments that were spoken more than once.")
    with_problems: int = Field(description="Number of segments whose best take still has a problem.")


class SynthesisResult(BaseModel):
    """Completed speech."""

    synthesis_id: str
    audio_id: str
    audio_url: str = Field(description="Path of the audio on the gateway.")
    duration: float = Field(description="Duration in seconds.")
    format: AudioFormat
    sample_rate: int
    size: int = Field(description="Size in bytes.")
    voice_id: str
    engine: str
    fallback_from: str | None = Field(None, description="The voice's engine, when a fallback was used instead.")
    alignment: Alignment = Field(description="Source of the timings.")
    word_timestamps: list[WordTimestamp] | None = None
    syllable_timestamps: list[SyllableTimestamp] | None = None
    chapters: list[ChapterView] | None = Field(None, description="Chapters, when the text has headings.")
    text_id: str | None = Field(None, description="Id of the saved text entry, if one was used.")
    metadata: Metadata = Field({})
    units: int = Field(0, description="Number of segments: sentences, or parts of long ones.")
    cached_units: int = Field(0, description=CACHED_UNITS)
    revision: int = Field(1, description="Number of the revision; more than 1 once a segment was replaced.")
    quality: QualityView | None = Field(None, description="Measurements; absent for audio of earlier versions.")


class StreamTicketView(BaseModel):
    """A single-use ticket that replaces the access token."""

    ticket: str
    expires_in: int = Field(description="Seconds until the ticket expires.")
    stream_url: str = Field(description="Path on the gateway; add `text` and other options to its query.")


class StreamedAudio(BaseModel):
    """An `audio` event. Decoded and concatenated, all of them are one valid file."""

    audio: str = Field(description="Base64 of the next bytes; may be empty.")
    word_timestamps: list[WordTimestamp] = []
    syllable_timestamps: list[SyllableTimestamp] = []


class StreamedEnd(BaseModel):
    """The `done` event, the last one; without it the audio is incomplete."""

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
    quality: QualityView


class AsyncSynthesis(BaseModel):
    """A queued synthesis; follow its job."""

    synthesis_id: str
    job_id: str
    estimated_duration: float = Field(description="Estimated duration of the speech in seconds.")
    status: JobStatus


class CreateJobRequest(RequestBody):
    """A synthesis job to create."""

    model_config = exactly_one("text_content", "text_id")

    text_content: str | None = Field(None, min_length=1, description="Text to synthesise.", examples=["A long story."])
    text_id: TextId | None = Field(None, description="Id of a saved text entry, instead of `text_content`.")
    voice_model_id: VoiceId | None = Field(None, description="Voice; the default voice when absent.")
    text_language: str | None = Field(
        None, min_length=1, max_length=20, description="BCP-47 tag; without a voice, it selects one."
    )
    output_format: AudioFormat = AudioFormat.WAV
    sample_rate: int = Field(24_000, ge=8_000, le=48_000)
    speed: float = Field(1.0, ge=0.25, le=4.0)
    pitch: float = Field(1.0, ge=0.5, le=2.0)
    volume: float = Field(1.0, ge=0.0, le=2.0)
    config: dict[str, Any] = Field(
        default_factory=dict, max_length=20, description="Further synthesis options: `include_timestamps`, `engine` …"
    )
    metadata: Metadata = Field({})

    @model_validator(mode="after")
    def _one_text(self) -> "CreateJobRequest":
        _require_one("text_content", self.text_content, self.text_id)
        return self


class JobChange(RequestBody):
    """Changes of a pending job; absent fields stay unchanged."""

    text_content: str | None = Field(None, min_length=1, description="Text to synthesise.")
    output_format: AudioFormat | None = None
    sample_rate: int | None = Field(None, ge=8_000, le=48_000)
    speed: float | None = Field(None, ge=0.25, le=4.0, examples=[1.25])
    pitch: float | None = Field(None, ge=0.5, le=2.0)
    volume: float | None = Field(None, ge=0.0, le=2.0)
    config: dict[str, Any] | None = Field(None, max_length=20)
    metadata: Metadata | None = None


class JobPatch(JobChange):
    """Changes of a job. The owner may cancel it, or change it while it is pending.

    Only administrators may set other statuses, and the fields that workers write.
    """

    status: JobStatus | None = Field(
        None, description="`cancelled`; for administrators also `pending` and `failed`.", examples=["cancelled"]
    )
    progress: int | None = Field(None, ge=0, le=99)
    duration: float | None = Field(None, ge=0)
    error_message: str | None = Field(None, max_length=1_000)
    output_file_path: str | None = Field(None, max_length=1_000)

    def given(self, names: Collection[str]) -> dict[str, Any]:
        """Return the named fields that have a value."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class ReplacedSegment(BaseModel):
    """The segment that a job replaces."""

    audio_id: str
    segment: int = Field(description="Number of the segment.")


class JobView(BaseModel):
    """A job."""

    id: str
    user_id: str
    type: Literal[JobType.SYNTHESIS] = JobType.SYNTHESIS
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
    queue_position: int | None = Field(
        None, ge=0, description="Number of jobs before it in the work queue, while it is pending."
    )
    eta_seconds: float | None = Field(None, description="Estimated seconds until it is completed, while it is processing.")
    config: dict[str, Any]
    metadata: Metadata = Field({})
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
    replaces: ReplacedSegment | None = Field(None, description="The segment that the job replaces; absent for other jobs.")
    result: SynthesisResult | None = None


class AudioInfo(BaseModel):
    """Metadata of a stored audio. `checksum` is the SHA-256 of its bytes, in hex, and its ETag."""

    id: str
    url: str
    mime: str
    format: AudioFormat
    sample_rate: int
    size: int
    checksum: str
    duration: float
    revision: int = Field(1, description="Number of the current revision.")
    synthesis_id: str
    job_id: str | None = None
    text_id: str | None = Field(None, description="Id of the saved text entry, if one was used.")
    metadata: Metadata = Field({})
    created_at: datetime


class LinkRequest(RequestBody):
    """Options of a signed link."""

    expires_in: int = Field(300, ge=1, le=300, description="Lifetime of the link in seconds.", examples=[300])


class SignedLink(BaseModel):
    """A link to an audio that needs no access token. `url` is a path on the gateway."""

    url: str
    expires_at: datetime


class VoiceRating(BaseModel):
    """The mean of a voice's ratings."""

    mean: float = Field(description="Mean of the ratings, from 1 to 5.")
    count: int = Field(description="Number of ratings.")


class Voice(BaseModel):
    """A voice for synthesis."""

    id: str
    name: str
    language: str = Field(description="Its own language: that of texts whose language is not clear.")
    languages: list[str] = Field([], description="Languages that it speaks, its own first.")
    multilingual: bool = Field(False, description="Whether it speaks further languages than these.")
    gender: Gender
    engine: str
    kind: VoiceKind = "built-in"
    tags: list[str] = []
    styles: bool = Field(False, description="Whether its engine supports the `style` of an echo.")
    rating: VoiceRating | None = Field(None, description="Mean rating of its audio; null without ratings.")


def _require_one(name: str, written: str | None, saved: str | None) -> None:
    if (written is None) == (saved is None):
        raise ValueError(f"Send either {name} or text_id, and not both.")
