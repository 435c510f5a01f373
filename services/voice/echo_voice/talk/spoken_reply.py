"""Replies of a spoken conversation, as the conversation sees them: those of the language model, and the greeting."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from functools import partial
from typing import Protocol

from echo_common.contracts.http.synthesis import SpeechConfig
from echo_voice.conversations.reply_events import Delta, ReplyAudio, ReplyEvent, Sentence
from echo_voice.domain.messages import Message
from echo_voice.speech_stream import SpeechStream, SpeechStreams


class SpokenReply(Protocol):
    """A reply with speech; its events are read once."""

    def events(self) -> AsyncGenerator[ReplyEvent, None]:
        """Yield the events; ends early after `stop`. Raises `EchoError`."""
        ...

    def stop(self) -> None:
        """Stop the model and the speech at once."""
        ...

    async def interrupt(self, heard_seconds: float) -> Message | None:
        """Stop the reply, and keep only the part of it that was heard; also possible after its end."""
        ...


OpenReply = Callable[[str], AbstractAsyncContextManager[SpokenReply]]
"""Function that stores a message of the user and opens the reply to it. Raises `EchoError`."""


class Greeting:
    """The greeting of an echo: it is spoken, and not stored."""

    def __init__(self, text: str, streams: SpeechStreams, *, token: str, voice_id: str, config: SpeechConfig) -> None:
        self._text = text
        self._open = partial(streams.open, token=token, voice_id=voice_id, config=config)
        self._stopped = False

    async def events(self) -> AsyncGenerator[ReplyEvent, None]:
        """Yield text and speech. Raises `EchoError`."""
        yield Delta(self._text)
        async with self._open() as stream:
            await stream.write(self._text)
            await stream.end()
            async with aclosing(_parts(stream)) as parts:
                async for event in parts:
                    if self._stopped:
                        return
                    yield event

    def stop(self) -> None:
        """End the events with the next one."""
        self._stopped = True

    async def interrupt(self, heard_seconds: float) -> None:
        """Stop; nothing is stored of a greeting."""
        self.stop()


async def _parts(stream: SpeechStream) -> AsyncGenerator[ReplyEvent, None]:
    async for part in stream:
        if part.text:  # long speech continues without it
            yield Sentence(part.number, part.text)
        yield ReplyAudio(part.number, part.audio, part.start_seconds, part.duration_seconds, part.words)
