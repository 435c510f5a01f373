"""One reply of an echo: the text as the model writes it, its speech, and its interruption."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Final

import structlog

from echo_common.background_tasks import report_failure
from echo_common.contracts.errors.chat import (
    ChatReplyEmptyError,
    ChatReplyIncompleteError,
    ChatTimeoutError,
    ConversationDeletedError,
)
from echo_common.contracts.http.messages import MAXIMUM_CHARACTERS, MessageStatus, remove_controls
from echo_common.contracts.http.synthesis import WordTimestamp
from echo_common.errors import EchoError, FileTooLargeError, InternalError, ServiceUnavailableError
from echo_common.shielded import shielded
from echo_voice.conversations.event_queue import EventQueue
from echo_voice.conversations.reply_events import Delta, Done, MessageStored, ReplyAudio, ReplyEvent, Sentence, SpeechOrder
from echo_voice.domain.messages import Message
from echo_voice.domain.reply_text import SentenceCutter, cut_heard
from echo_voice.speech_stream import SpeechStream, SpeechStreams

MAXIMUM_SECONDS: Final = 300.0
"""Time in which a reply must be complete: it bounds a model that writes a little now and then."""

_SPEECH_SECONDS_A_CHARACTER = 0.5
"""Time for the speech of a character if the client receives it as it plays: that of Chinese at half speed."""

_QUEUED = 16
"""Parts of speech that wait for the client. The length of a reply bounds the events of its text."""

_TOO_LARGE = (
    "The speech of this reply has more than {most_bytes} bytes. Request it in a compressed format, or as events with the header "
    "Accept: text/event-stream."
)

WriteReply = Callable[[], AsyncGenerator[str, None]]
"""Function that streams the text. Raises the errors of `ChatModel.reply`."""

StoreReply = Callable[[str, MessageStatus, float | None], Awaitable[Message | None]]
"""Function that stores the text of a reply with its status and the duration of its speech; an empty text is not stored."""

ChangeReply = Callable[[Message, str, float], Awaitable[Message | None]]
"""Function that keeps only the part of a stored reply that was heard."""


class Reply:
    """A reply that a model writes and a speech stream speaks. Its events are read once.

    A reader that closes `events` before its end stops the model and the speech; the text so far is stored as interrupted.
    """

    def __init__(
        self,
        message: Message,
        write: WriteReply,
        *,
        voice_id: str,
        streams: SpeechStreams,
        speech: SpeechOrder | None,
        store: StoreReply,
        change: ChangeReply,
    ) -> None:
        self.message = message
        self._write_parts = write
        self._voice_id = voice_id
        self._streams = streams
        self._speech = speech
        self._store = store
        self._change = change
        self._queue: EventQueue[ReplyEvent] = EventQueue(_QUEUED)
        self._spoken: asyncio.Queue[str | None] = asyncio.Queue()  # bounded by the length of a reply
        self._producing: asyncio.Task[None] | None = None
        self._storing: asyncio.Task[Message | None] | None = None
        self._text = ""
        self._words: list[WordTimestamp] = []
        self._duration: float | None = None
        self._speech_error: EchoError | None = None
        self._stopped = False
        self._log = structlog.get_logger("echo.reply")

    @property
    def text(self) -> str:
        """The text so far."""
        return self._text.strip()

    async def events(self) -> AsyncGenerator[ReplyEvent, None]:
        """Yield the events of the reply; the last one is `Done`, unless it is stopped.

        Raises:
            EchoError: The model failed, see `ChatModel.reply`; the text so far is stored as failed.
            ConversationDeletedError: The conversation was deleted meanwhile; nothing is stored. Not raised to a reader that leaves.
        """
        status, failure = MessageStatus.INTERRUPTED, None
        self._producing = asyncio.create_task(self._produce())
        try:
            yield MessageStored(self.message)
            async with aclosing(self._queue.items()) as queued:
                async for event in queued:
                    yield event
            if not self._stopped:
                status = MessageStatus.FAILED
                await self._producing
                status = MessageStatus.COMPLETE
        except EchoError as error:
            failure = error
        except BaseException:
            with suppress(ConversationDeletedError):
                await shielded(self._finish(status))
            raise
        stored = await shielded(self._finish(status))
        if failure is not None:
            raise failure
        if stored is not None and not self._stopped:
            yield Done(stored, self._speech_error)

    def stop(self) -> None:
        """Stop the model and the speech at once; `events` ends without the events that were not read."""
        self._stopped = True
        if self._producing is not None:
            self._producing.cancel()
        self._queue.end(discard=True)

    async def interrupt(self, heard_seconds: float) -> Message | None:
        """Stop the reply, and keep only the part of it that was heard; also possible after its end.

        Args:
            heard_seconds: Seconds of its speech that were played.

        Returns:
            The stored reply; None if nothing of it was heard, which deletes it, and if the conversation was deleted meanwhile.
        """
        self.stop()
        try:
            stored = await shielded(self._finish(MessageStatus.INTERRUPTED))
        except ConversationDeletedError:
            return None
        if stored is None:
            return None
        if stored.status is MessageStatus.COMPLETE and self._duration is not None and heard_seconds >= self._duration:
            return stored
        return await self._change(stored, cut_heard(stored.text, self._words, heard_seconds), heard_seconds)

    def _finish(self, status: MessageStatus) -> asyncio.Task[Message | None]:
        """Return the task that ends the reply and stores it; the first call decides the status."""
        if self._storing is None:
            self._storing = asyncio.create_task(self._end_and_store(status))
        return self._storing

    async def _end_and_store(self, status: MessageStatus) -> Message | None:
        if self._producing is not None:
            self._producing.cancel()
            with suppress(asyncio.CancelledError, Exception):  # its reader has raised the error
                await self._producing
        return await self._store(self.text, status, self._duration)

    async def _produce(self) -> None:
        speaking = asyncio.create_task(self._speak(self._speech)) if self._speech is not None else None
        try:
            async with asyncio.timeout(MAXIMUM_SECONDS):
                await self._write()
            if speaking is not None:
                self._spoken.put_nowait(None)
                await speaking
        except TimeoutError:
            raise ChatTimeoutError from None
        finally:
            if speaking is not None:
                speaking.cancel()
                with suppress(asyncio.CancelledError):
                    await speaking
            self._queue.end()

    async def _write(self) -> None:
        """Read the text from the model, also while the client does not read, so that it waits for no loudspeaker.

        Raises the errors of `ChatModel.reply`.
        """
        cutter, number = SentenceCutter(), 0
        async with aclosing(self._write_parts()) as parts:
            async for part in parts:
                text = remove_controls(part)
                text = text if self._text else text.lstrip()
                if not text:
                    continue
                too_long = len(self._text) + len(text) > MAXIMUM_CHARACTERS
                text = text[: MAXIMUM_CHARACTERS - len(self._text)]
                self._text += text
                self._queue.add(Delta(text))
                if self._speech is not None:
                    self._spoken.put_nowait(text)
                else:
                    for sentence in cutter.add(text):
                        number += 1
                        self._queue.add(Sentence(number, sentence))
                if too_long:
                    raise ChatReplyIncompleteError
        if not self._text:
            raise ChatReplyEmptyError
        if self._speech is None:
            for sentence in cutter.end():
                self._queue.add(Sentence(number + 1, sentence))

    async def _speak(self, speech: SpeechOrder) -> None:
        """Speak the text as it arrives. An error ends the speech alone."""
        try:
            opened = self._streams.open(token=speech.token, voice_id=self._voice_id, config=speech.config)
            async with asyncio.timeout(2 * MAXIMUM_SECONDS) as limit, opened as stream:
                await self._read_speech(stream, limit, speech.most_bytes)
        except EchoError as error:
            self._speech_error = error
            self._log.warning("reply_speech_interrupted", code=error.code, error=error.message)
        except TimeoutError:
            self._speech_error = ServiceUnavailableError()
        except Exception as error:
            report_failure(self._log, "reply_speech", error)
            self._speech_error = InternalError()

    async def _read_speech(self, stream: SpeechStream, limit: asyncio.Timeout, most_bytes: int | None) -> None:
        feeding = asyncio.create_task(self._feed(stream, limit))
        reading = asyncio.create_task(self._forward(stream, most_bytes))
        try:
            done, _ = await asyncio.wait({feeding, reading}, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in (feeding, reading):
                task.cancel()
            await asyncio.gather(feeding, reading, return_exceptions=True)

    async def _feed(self, stream: SpeechStream, limit: asyncio.Timeout) -> None:
        """Write the text; at its end, set the time limit of the speech by its length."""
        while (text := await self._spoken.get()) is not None:
            await stream.write(text)
        seconds = MAXIMUM_SECONDS + _SPEECH_SECONDS_A_CHARACTER * len(self._text)
        limit.reschedule(asyncio.get_running_loop().time() + seconds)
        await stream.end()

    async def _forward(self, stream: SpeechStream, most_bytes: int | None) -> None:
        size = 0
        async for part in stream:
            size += len(part.audio)
            if most_bytes is not None and size > most_bytes:
                raise FileTooLargeError(_TOO_LARGE.format(most_bytes=most_bytes))
            self._words.extend(part.words)
            self._duration = part.start_seconds + part.duration_seconds
            if part.text:  # long speech continues without it
                await self._queue.put(Sentence(part.number, part.text))
            await self._queue.put(ReplyAudio(part.number, part.audio, part.start_seconds, part.duration_seconds, part.words))
