"""Fakes of a spoken conversation: the client's connection, the listener, the recogniser, and replies."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
from pydantic import BaseModel

from echo_common.errors import EchoError
from echo_voice.conversations.reply_events import Delta, Done, MessageStored, ReplyAudio, ReplyEvent, Sentence
from echo_voice.domain.messages import Message
from echo_voice.talk.codecs import MalformedAudioError
from echo_voice.talk.listening import HeardAudio, ListeningLostError, Utterance

RATE = 16_000
SPEECH, SILENCE, MALFORMED, CRASH = b"speech", b"silence", b"malformed", b"crash"
"""Messages of a microphone: the first `SPEECH` starts an utterance, the first `SILENCE` ends it."""


def listening() -> list[psutil.Process]:
    """Return the processes of this one that listen to conversations."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "echo_voice.talk.listening_process" in " ".join(child.cmdline()):
                found.append(child)
    return found


class FakeClient:
    """A client's connection; `frames` are those that it received: text frames as dictionaries, audio as bytes."""

    def __init__(self) -> None:
        self.frames: list[Any] = []
        self.reports: list[EchoError] = []
        self._changed = asyncio.Event()
        self._sent: asyncio.Queue[str | bytes | None] = asyncio.Queue()

    def say(self, *messages: str | bytes | None) -> None:
        """Send frames; None closes the connection."""
        for message in messages:
            self._sent.put_nowait(message)

    def types(self) -> list[str]:
        """Return the types of the frames, where consecutive audio is one `pcm`."""
        found: list[str] = []
        for frame in self.frames:
            name = "pcm" if isinstance(frame, bytes) else str(frame["type"])
            if name != "pcm" or found[-1:] != ["pcm"]:
                found.append(name)
        return found

    def of_type(self, name: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if isinstance(frame, dict) and frame["type"] == name]

    @property
    def audio(self) -> bytes:
        return b"".join(frame for frame in self.frames if isinstance(frame, bytes))

    async def received(self, name: str, count: int = 1) -> dict[str, Any]:
        """Wait until `count` frames of a type, or as much audio, have arrived; return the last one."""
        async with asyncio.timeout(20):
            while True:
                found = [frame for frame in self.frames if isinstance(frame, bytes)] if name == "pcm" else self.of_type(name)
                if len(found) >= count:
                    return {} if name == "pcm" else self.of_type(name)[count - 1]
                self._changed.clear()
                await self._changed.wait()

    async def receive(self) -> str | bytes | None:
        return await self._sent.get()

    async def send(self, frame: BaseModel) -> None:
        self._add(frame.model_dump())

    async def send_audio(self, data: bytes) -> None:
        self._add(data)

    async def report(self, error: EchoError) -> None:
        self.reports.append(error)
        self._add({"type": "error", "code": error.code})

    def _add(self, frame: Any) -> None:
        self.frames.append(frame)
        self._changed.set()


class FakeListener:
    """A listener that takes messages by their names; `seconds` is the duration of each."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.seconds = seconds
        self.played = b""
        self.stops = 0
        self._speech = 0

    async def hear(self, message: bytes) -> HeardAudio:
        if message == MALFORMED:
            raise MalformedAudioError("This is not audio.")
        if message == CRASH:
            raise ListeningLostError
        if message == SPEECH:
            self._speech += 1
            return HeardAudio(self.seconds, ["started"] if self._speech == 1 else [])
        ended, self._speech = self._speech, 0
        return HeardAudio(self.seconds, [Utterance(SPEECH * ended)] if ended else [])

    async def utterance(self) -> bytes:
        return SPEECH * self._speech

    async def play(self, pcm: bytes) -> None:
        self.played += pcm

    async def stop_playing(self) -> None:
        self.stops += 1


@dataclass
class FakeTranscriber:
    """A recogniser that returns the next text of its script; `wait` holds it back."""

    texts: list[str] = field(default_factory=list)
    available: bool = True
    wait: asyncio.Event | None = None
    asked: list[bytes] = field(default_factory=list)

    async def transcribe(self, pcm: bytes, language: str | None) -> str:
        self.asked.append(pcm)
        if self.wait is not None:
            await self.wait.wait()
        return self.texts.pop(0) if self.texts else "Hello."


class FakeReply:
    """A reply of `sentences`, each with `seconds` of speech. `heard` is the position at which it was interrupted."""

    def __init__(self, text: str, sentences: list[str], seconds: float, failure: EchoError | None = None) -> None:
        self.text = text
        self.message = Message.write("usr_ada", "echo_1", 1, text)
        self.heard: float | None = None
        self.stopped = asyncio.Event()
        self.closed = False
        self._sentences = sentences
        self._seconds = seconds
        self._failure = failure

    async def events(self) -> AsyncGenerator[ReplyEvent, None]:
        yield MessageStored(self.message)
        for number, sentence in enumerate(self._sentences, 1):
            yield Delta(sentence)
            yield Sentence(number, sentence)
            start = (number - 1) * self._seconds
            yield ReplyAudio(number, bytes([number, 0]) * int(RATE * self._seconds), start, self._seconds, [])
            if self.stopped.is_set():
                return
        if self._failure is not None:
            raise self._failure
        yield Done(self.message)

    def stop(self) -> None:
        self.stopped.set()

    async def interrupt(self, heard_seconds: float) -> None:
        self.stop()
        self.heard = heard_seconds
        if self._failure is not None:
            raise self._failure


class FakeReplies:
    """Opens replies; `failure` refuses them."""

    def __init__(self, *sentences: str, seconds: float = 0.3) -> None:
        self.sentences = list(sentences) or ["One.", "Two."]
        self.seconds = seconds
        self.failure: EchoError | None = None
        self.reply_failure: EchoError | None = None
        self.opened: list[FakeReply] = []
        self.open_now = 0

    @asynccontextmanager
    async def open(self, text: str) -> AsyncIterator[FakeReply]:
        if self.failure is not None:
            raise self.failure
        reply = FakeReply(text, self.sentences, self.seconds, self.reply_failure)
        self.opened.append(reply)
        self.open_now += 1
        try:
            yield reply
        finally:
            self.open_now -= 1
            reply.closed = True
