"""Events of a reply, in the order in which they occur."""

from collections.abc import Sequence
from dataclasses import dataclass

from echo_common.contracts.http.synthesis import SpeechConfig, WordTimestamp
from echo_common.errors import EchoError
from echo_voice.domain.messages import Message


@dataclass(frozen=True, slots=True)
class SpeechOrder:
    """The speech of a reply: options, and the access token of the user who pays for it.

    It ends with `FileTooLargeError` where its audio would exceed `most_bytes`.
    """

    token: str
    config: SpeechConfig
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class MessageStored:
    """The user's message is stored; the first event."""

    message: Message


@dataclass(frozen=True, slots=True)
class Delta:
    """More of the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """The part of the reply whose speech follows; without speech, a complete sentence."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """Speech of the sentence with the same number; times in seconds from the start of the reply's speech."""

    number: int
    audio: bytes
    start_seconds: float
    duration_seconds: float
    words: Sequence[WordTimestamp]


@dataclass(frozen=True, slots=True)
class Done:
    """The complete reply is stored; the last event. `speech_error` ended its speech."""

    reply: Message
    speech_error: EchoError | None = None


ReplyEvent = MessageStored | Delta | Sentence | ReplyAudio | Done
