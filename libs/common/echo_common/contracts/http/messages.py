"""Request and response bodies of conversations with echos."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from unicodedata import category

from pydantic import AfterValidator, BaseModel, Field

from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.http.synthesis import WordTimestamp
from echo_common.contracts.values import AudioFormat

MAXIMUM_CHARACTERS = 8_000
"""Maximum length of a message."""

_KEPT_CONTROLS = "\n\t"


class MessageRole(StrEnum):
    """Author of a message."""

    USER = "user"
    ECHO = "echo"


class MessageStatus(StrEnum):
    """Status of a message. Only replies are interrupted, or fail."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


def remove_controls(text: str) -> str:
    """Return the text without control characters and lone surrogates; line breaks and tabs remain."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char for char in text if char in _KEPT_CONTROLS or category(char) not in {"Cc", "Cs"})


def clean(text: str) -> str:
    """Return the text without control characters and blanks around it. Raises `ValueError` if nothing is left."""
    cleaned = remove_controls(text).strip()
    if not cleaned:
        raise ValueError("This value cannot be empty.")
    return cleaned


MessageText = Annotated[str, Field(min_length=1, max_length=MAXIMUM_CHARACTERS), AfterValidator(clean)]
"""Text of a message; control characters are removed."""


class ReplySpeech(RequestBody):
    """Options of the speech of a reply."""

    output_format: AudioFormat = Field(AudioFormat.MP3, description="Format of the audio.")
    sample_rate: int = Field(24_000, ge=8_000, le=48_000, description="Sample rate in Hz.")
    include_timestamps: bool = Field(True, description="Include word timings.")


class MessageRequest(RequestBody):
    """A message to an echo."""

    text: MessageText = Field(description="Text of the message.", examples=["Good morning! How are you?"])
    speech: ReplySpeech | None = Field(None, description="Speak the reply in the echo's voice; without it, the reply is text.")


class MessageView(BaseModel):
    """A message of a user or an echo."""

    id: str
    echo_id: str
    user_id: str
    role: MessageRole
    text: str
    status: MessageStatus
    duration: float | None = Field(description="Duration of its speech in seconds; null without speech.")
    echo_revision: int | None = Field(description="Revision of the echo that replied.")
    created_at: datetime


class SpeechFailure(BaseModel):
    """The error that ended the speech of a reply; its text is complete."""

    code: str
    message: str


class ReplyView(BaseModel):
    """A message with its reply."""

    message: MessageView
    reply: MessageView
    audio: str | None = Field(None, description="The speech as one file in base64, if it was requested.")
    word_timestamps: list[WordTimestamp] | None = None
    speech_error: SpeechFailure | None = None


class DeltaEvent(BaseModel):
    """Data of a `delta` event: more of the reply."""

    text: str


class SentenceEvent(BaseModel):
    """Data of a `sentence` event: the part of the reply whose speech follows, or without speech a complete sentence."""

    number: int
    text: str


class ReplyAudioEvent(BaseModel):
    """Data of an `audio` event: speech in base64, and its word timings relative to the whole reply."""

    number: int
    audio: str
    word_timestamps: list[WordTimestamp]


class DoneEvent(BaseModel):
    """Data of a `done` event: the stored reply with its totals."""

    reply: MessageView
    characters: int
    duration: float | None = Field(description="Duration of the speech in seconds.")
    speech_error: SpeechFailure | None = None


class ErrorEvent(BaseModel):
    """Data of an `error` event."""

    code: str
    message: str
