"""Frames of the WebSocket that speaks a text while it is still being written."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, TypeAdapter

from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.http.error_frame import ErrorFrame
from echo_common.contracts.http.synthesis import SpeechConfig, SyllableTimestamp, VoiceId, WordTimestamp
from echo_common.contracts.values import Latency

STREAM_INPUT_PATH: Final = "/tts/stream-input"
MAX_FRAME_BYTES: Final = 64 * 1024
"""Maximum size of a frame in either direction."""


class StartStream(RequestBody):
    """The first frame: the voice and the options of the whole stream."""

    type: Literal["start"]
    voice_id: VoiceId | None = None
    config: SpeechConfig = SpeechConfig()
    latency: Latency = "normal"


class AddText(RequestBody):
    """More text; its parts have any size."""

    type: Literal["text"]
    text: str


class FlushText(RequestBody):
    """Speak the rest now, as if the text ended here."""

    type: Literal["flush"]


class EndText(RequestBody):
    """Speak the rest, then close."""

    type: Literal["end"]


class CancelStream(RequestBody):
    """Discard the speech that was not sent, then close."""

    type: Literal["cancel"]


ClientFrame = StartStream | AddText | FlushText | EndText | CancelStream
CLIENT_FRAME: Final[TypeAdapter[ClientFrame]] = TypeAdapter(Annotated[ClientFrame, Field(discriminator="type")])


class StreamStarted(BaseModel):
    """The answer to `start`. Values that the first sentence selects are null."""

    type: Literal["started"] = "started"
    media_type: str
    sample_rate: int
    voice_id: str | None
    engine: str | None
    language: str | None


class StreamAudio(BaseModel):
    """Header of the binary frame of `bytes` bytes that follows; of none if that is 0.

    Times are in seconds of the whole stream. Speech that is longer than a frame continues with the same number and no text.
    """

    type: Literal["audio"] = "audio"
    number: int
    text: str
    bytes: int
    start_time: float
    duration: float
    word_timestamps: list[WordTimestamp] = []
    syllable_timestamps: list[SyllableTimestamp] = []


class StreamFlushed(BaseModel):
    """All speech of the text before `flush` was sent."""

    type: Literal["flushed"] = "flushed"


class StreamCancelled(BaseModel):
    """The stream was cancelled."""

    type: Literal["cancelled"] = "cancelled"


class StreamDone(BaseModel):
    """The last frame of a complete stream. Without any speech, voice and engine are null."""

    type: Literal["done"] = "done"
    duration: float
    sentences: int
    characters: int
    voice_id: str | None = None
    engine: str | None = None
    language: str | None = None
    fallback_from: str | None = None


ServerFrame = StreamStarted | StreamAudio | StreamFlushed | StreamCancelled | StreamDone | ErrorFrame
SERVER_FRAME: Final[TypeAdapter[ServerFrame]] = TypeAdapter(Annotated[ServerFrame, Field(discriminator="type")])
