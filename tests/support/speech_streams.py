"""Streams of speech without a synthesis service: a beat of silence for each word."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from echo_common.contracts.http.synthesis import SpeechConfig, WordTimestamp
from echo_common.errors import EchoError
from echo_voice.speech_stream import SpeechStream, SpeechStreams, SpokenSentence

WORD_SECONDS = 0.2
BYTES_A_SECOND = 32_000
_SENTENCE = re.compile(r".*?[.!?](?=\s+[^\sa-z])|.*?\n\s*\n", re.DOTALL)
_WORD = re.compile(r"[\w'-]+")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a stream was opened with."""

    token: str
    voice_id: str
    config: SpeechConfig
    low_latency: bool


class FakeSpeechStreams(SpeechStreams):
    """Streams that speak at once. `refusal` is raised when one is opened, `failure` after `failure_after` sentences."""

    def __init__(self) -> None:
        self.opened: list[Opened] = []
        self.streams: list[FakeSpeechStream] = []
        self.refusal: EchoError | None = None
        self.failure: EchoError | None = None
        self.failure_after = 0

    @asynccontextmanager
    async def open(
        self, *, token: str, voice_id: str, config: SpeechConfig, low_latency: bool = True
    ) -> AsyncIterator[SpeechStream]:
        self.opened.append(Opened(token, voice_id, config, low_latency))
        if self.refusal is not None:
            raise self.refusal
        stream = FakeSpeechStream(self.failure, self.failure_after)
        self.streams.append(stream)
        try:
            yield stream
        finally:
            stream.closed = True


@dataclass
class FakeSpeechStream(SpeechStream):
    """One stream. `written` is its text so far; `closed` is true once its context was left."""

    failure: EchoError | None = None
    failure_after: int = 0
    written: str = ""
    ended: bool = False
    closed: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, text: str) -> None:
        self.written += text
        self._changed.set()

    async def end(self) -> None:
        self.ended = True
        self._changed.set()

    def __aiter__(self) -> AsyncIterator[SpokenSentence]:
        return self._speech()

    async def _speech(self) -> AsyncGenerator[SpokenSentence, None]:
        at, number, seconds = 0, 0, 0.0
        while True:
            if self.failure is not None and number >= self.failure_after and self.written[at:].strip():
                raise self.failure
            sentence = _SENTENCE.match(self.written, at)
            end = sentence.end() if sentence else len(self.written) if self.ended else at
            words = list(_words(self.written, at, end, seconds))
            if words:
                number += 1
                duration = len(words) * WORD_SECONDS
                audio = bytes(round(duration * BYTES_A_SECOND))
                yield SpokenSentence(number, self.written[at:end].strip(), audio, seconds, duration, words)
                seconds += duration
            elif end == at:
                if self.ended:
                    return
                self._changed.clear()
                await self._changed.wait()
            at = end


def _words(text: str, start: int, end: int, seconds: float) -> Sequence[WordTimestamp]:
    return [
        WordTimestamp(
            word=word[0],
            start_time=seconds + number * WORD_SECONDS,
            end_time=seconds + (number + 1) * WORD_SECONDS,
            char_start=word.start(),
            char_end=word.end(),
        )
        for number, word in enumerate(_WORD.finditer(text, start, end))
    ]
