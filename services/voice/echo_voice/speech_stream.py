"""The port of speech that is synthesised while its text is still being written."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from echo_common.contracts.http.synthesis import SpeechConfig, WordTimestamp


@dataclass(frozen=True, slots=True)
class SpokenSentence:
    """A part of the speech: the audio of a sentence, or of its first phrase.

    `words` and `start_seconds` are relative to the whole stream. The concatenated `audio` of all parts is one file.
    """

    number: int
    text: str
    audio: bytes
    start_seconds: float
    duration_seconds: float
    words: Sequence[WordTimestamp]


class SpeechStream(Protocol):
    """Speech of one reply. Writing and reading may happen concurrently."""

    async def write(self, text: str) -> None:
        """Add text; parts of any size. Complete sentences are synthesised at once."""
        ...

    async def end(self) -> None:
        """Synthesise the rest; the iteration ends after it."""
        ...

    def __aiter__(self) -> AsyncIterator[SpokenSentence]:
        """Yield the speech as it is made. Raises the `EchoError`s of synthesis; see `RemoteError`."""
        ...


class SpeechStreams(Protocol):
    """Opens streams of speech as a user."""

    def open(
        self, *, token: str, voice_id: str, config: SpeechConfig, low_latency: bool = True
    ) -> AbstractAsyncContextManager[SpeechStream]:
        """Open a stream; leaving the context cancels speech that is not finished.

        `token` is the user's access token. `voice_id` may be the id of an echo. Raises `ServiceUnavailableError`, `RemoteError`.
        """
        ...
