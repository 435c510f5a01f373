"""Frames of spoken conversations with echos."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, TypeAdapter

from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.http.synthesis import WordTimestamp

MAX_FRAME_BYTES: Final = 64 * 1024
"""Maximum size of a frame in either direction."""

TalkFormat = Literal[
    "pcm_8000",
    "pcm_11025",
    "pcm_12000",
    "pcm_16000",
    "pcm_22050",
    "pcm_24000",
    "pcm_32000",
    "pcm_44100",
    "pcm_48000",
    "opus_48000",
]
"""Codec and sample rate in Hz of mono audio. PCM has 16 bits, little-endian; Opus packets are raw, one a frame."""


class VoiceActivityOptions(RequestBody):
    """Detection of the user's speech."""

    threshold: float = Field(0.5, ge=0.3, le=0.9, description="Probability from which a sound is speech.")
    silence_seconds: float = Field(0.6, ge=0.2, le=3.0, description="Silence that ends an utterance.")


class StartTalk(RequestBody):
    """The first frame: formats and options of the conversation."""

    type: Literal["start"]
    input: TalkFormat = "pcm_16000"
    output: TalkFormat = "pcm_24000"
    vad: VoiceActivityOptions = VoiceActivityOptions()
    greeting: bool = Field(True, description="Speak the echo's greeting first.")


class ReplyPlayed(RequestBody):
    """Position of the loudspeaker in a reply."""

    type: Literal["played"]
    reply: int = Field(ge=1)
    seconds: float = Field(ge=0, le=3_600)


class InterruptReply(RequestBody):
    """Stop the reply."""

    type: Literal["interrupt"]


class EndTalk(RequestBody):
    """End the conversation."""

    type: Literal["end"]


TalkClientFrame = StartTalk | ReplyPlayed | InterruptReply | EndTalk
TALK_CLIENT_FRAME: Final[TypeAdapter[TalkClientFrame]] = TypeAdapter(Annotated[TalkClientFrame, Field(discriminator="type")])


class TalkReady(BaseModel):
    """The answer to `start`."""

    type: Literal["ready"] = "ready"
    input: TalkFormat
    output: TalkFormat
    max_frame_bytes: int
    idle_seconds: float
    longest_seconds: float


class UserSpeechStarted(BaseModel):
    """The user has begun to speak."""

    type: Literal["speech_started"] = "speech_started"


class UserSpeechEnded(BaseModel):
    """The user has stopped speaking."""

    type: Literal["speech_ended"] = "speech_ended"


class UserTranscript(BaseModel):
    """A transcript of the user's speech. A final transcript without text is noise, to which the echo does not reply."""

    type: Literal["transcript"] = "transcript"
    kind: Literal["partial", "final"]
    text: str


class ReplyStarted(BaseModel):
    """A reply begins; `message_id` is that of the user's message, null for the greeting."""

    type: Literal["reply_started"] = "reply_started"
    reply: int
    message_id: str | None


class ReplyDelta(BaseModel):
    """More of the reply's text."""

    type: Literal["delta"] = "delta"
    reply: int
    text: str


class ReplySentence(BaseModel):
    """A sentence is complete and is being spoken."""

    type: Literal["sentence"] = "sentence"
    reply: int
    number: int
    text: str


class ReplySound(BaseModel):
    """Header of the binary frames that follow, up to the next `audio`, `reply_ended` or `interrupted`. Times are of the reply."""

    type: Literal["audio"] = "audio"
    reply: int
    number: int
    start_time: float
    duration: float
    word_timestamps: list[WordTimestamp] = []


class ReplyEnded(BaseModel):
    """All audio of a reply was sent. `message_id` is that of the stored reply; `speech_error` ended its speech."""

    type: Literal["reply_ended"] = "reply_ended"
    reply: int
    message_id: str | None
    duration: float
    speech_error: str | None = None


class ReplyInterrupted(BaseModel):
    """The reply was interrupted: flush the audio that was not played, and report the position with `played`."""

    type: Literal["interrupted"] = "interrupted"
    reply: int
