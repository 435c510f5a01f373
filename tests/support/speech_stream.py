"""A fake of streamed speech: each sentence is one part of bytes, with half a second per word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from echo_common.contracts.http.synthesis import SpeechConfig, WordTimestamp
from echo_common.errors import EchoError
from echo_voice.domain.reply_text import SentenceCutter
from echo_voice.speech_stream import SpokenSentence

_WORD_SECONDS = 0.5


class FakeSpeechStream:
    """Speech of one reply."""

    def __init__(self, streams: "FakeSpeechStreams") -> None:
        self._streams = streams
        self._cutter = SentenceCutter()
        self._sentences: asyncio.Queue[str | None] = asyncio.Queue()

    async def write(self, text: str) -> None:
        self._streams.written += text
        for sentence in self._cutter.add(text):
            self._sentences.put_nowait(sentence)

    async def end(self) -> None:
        for sentence in self._cutter.end():
            self._sentences.put_nowait(sentence)
        self._sentences.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[SpokenSentence]:
        number, start = 0, 0.0
        while (sentence := await self._sentences.get()) is not None:
            if number == self._streams.fails_after:
                raise self._streams.failure
            number += 1
            words = [
                WordTimestamp(
                    word=word.strip(".,!?"),
                    start_time=start + index * _WORD_SECONDS,
                    end_time=start + (index + 1) * _WORD_SECONDS,
                    char_start=0,
                    char_end=len(word),
                )
                for index, word in enumerate(sentence.split())
            ]
            duration = _WORD_SECONDS * len(words)
            self._streams.read += 1
            yield SpokenSentence(number, sentence, sentence.encode(), start, duration, words)
            start += duration


class FakeSpeechStreams:
    """Streams of speech. With `fails_after`, the speech fails with `failure` after as many sentences; -1: it does not open.

    `read` counts the sentences that were read.
    """

    def __init__(self) -> None:
        self.fails_after: int | None = None
        self.failure: EchoError = EchoError("speech failed")
        self.opened: list[tuple[str, str, SpeechConfig]] = []
        self.open_streams = 0
        self.written = ""
        self.read = 0

    @asynccontextmanager
    async def open(
        self, *, token: str, voice_id: str, config: SpeechConfig, low_latency: bool = True
    ) -> AsyncIterator[FakeSpeechStream]:
        if self.fails_after == -1:
            raise self.failure
        self.opened.append((token, voice_id, config))
        self.open_streams += 1
        try:
            yield FakeSpeechStream(self)
        finally:
            self.open_streams -= 1
