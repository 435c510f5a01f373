"""The echo's side of a conversation: replies are sent at the pace at which they are played, and stop when the user speaks."""

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import structlog

from echo_common.background_tasks import continue_after_errors
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.voice import EchoNotFoundError
from echo_common.contracts.http.talk import (
    ReplyDelta,
    ReplyEnded,
    ReplyInterrupted,
    ReplySentence,
    ReplySound,
    ReplyStarted,
    TalkFormat,
)
from echo_common.errors import EchoError
from echo_common.metrics import TalkMetrics
from echo_common.shielded import shielded
from echo_voice.conversations.reply_events import Delta, Done, MessageStored, ReplyAudio, ReplyEvent, Sentence
from echo_voice.talk.channel import Channel
from echo_voice.talk.codecs import OutputEncoder, OutputPart
from echo_voice.talk.listening import ConversationListener
from echo_voice.talk.playback import Playback
from echo_voice.talk.spoken_reply import Greeting, OpenReply, SpokenReply

AHEAD_SECONDS: Final = 2.0
"""Duration of audio that is sent before it is played: enough for a delay of the network, and little to discard."""

_REPORT_SECONDS: Final = 1.0
"""Time in which a client reports the position at which it stopped."""

_log = structlog.get_logger("echo.talk")


@dataclass
class _Spoken:
    """A reply that is being spoken."""

    number: int
    reply: SpokenReply
    asked_at: float | None
    playback: Playback = field(default_factory=Playback)
    interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    started: bool = False
    done: Done | None = None


class Replying:
    """The replies of a conversation, one after the other."""

    def __init__(
        self,
        channel: Channel,
        listener: ConversationListener,
        output: TalkFormat,
        open_reply: OpenReply,
        greeting: Greeting | None,
        metrics: TalkMetrics,
    ) -> None:
        self._channel = channel
        self._listener = listener
        self._encoder = OutputEncoder(output)
        self._open_reply = open_reply
        self._greeting = greeting
        self._metrics = metrics
        self._sending = asyncio.Lock()
        self._current: _Spoken | None = None
        self._latest: _Spoken | None = None
        self._replies = 0
        self.user_speaks = False

    async def greet(self) -> None:
        """Speak the greeting, if there is one. An error is reported to the client."""
        if self._greeting is None:
            return
        try:
            await self._speak(self._greeting, None)
        except EchoError as error:
            await self._channel.report(error)

    async def reply(self, text: str, asked_at: float) -> None:
        """Reply to a message of the user, who stopped speaking at a time of the monotonic clock.

        An error is reported to the client. Raises `EchoNotFoundError` and `QuotaExceededError`, after which there can be no reply.
        """
        try:
            async with self._open_reply(text) as reply:
                await self._speak(reply, asked_at)
        except (EchoNotFoundError, QuotaExceededError):
            raise
        except EchoError as error:
            await self._channel.report(error)

    async def begin_user_speech(self) -> bool:
        """Speak no more until `end_user_speech`; return whether a reply was interrupted."""
        self.user_speaks = True
        return await self.interrupt()

    def end_user_speech(self) -> None:
        """Allow replies again."""
        self.user_speaks = False

    async def interrupt(self) -> bool:
        """Stop the reply and tell the client; return whether it had begun."""
        current = self._current
        if current is None or current.interrupted.is_set():
            return False
        current.interrupted.set()
        current.reply.stop()
        current.playback.stop(monotonic())
        async with self._sending:
            self._encoder.discard()
            if current.started:
                await self._channel.send(ReplyInterrupted(reply=current.number))
                await self._listener.stop_playing()
        return current.started

    def report_played(self, number: int, seconds: float) -> None:
        """Take note of the client's position in a reply; positions in earlier replies are too late."""
        if self._latest is not None and self._latest.number == number:
            self._latest.playback.report(seconds, monotonic())

    async def _speak(self, reply: SpokenReply, asked_at: float | None) -> None:
        """Send a reply and wait until it was played or interrupted; then keep only the heard part. Raises `EchoError`."""
        self._replies += 1
        current = self._current = self._latest = _Spoken(self._replies, reply, asked_at)
        played = False
        try:
            if self.user_speaks:
                await self.interrupt()
            await self._forward_all(current)
            played = not current.interrupted.is_set()
        except EchoError:
            played = True
            await self._end(current)
            raise
        finally:
            self._current = None
            if not played:
                await shielded(self._settle(current))

    async def _forward_all(self, current: _Spoken) -> None:
        async with aclosing(current.reply.events()) as events:
            async for event in events:
                if current.interrupted.is_set():
                    return
                await self._forward(current, event)
        if current.interrupted.is_set():
            return
        for part in self._encoder.flush():
            await self._send_part(current, part)
        await self._end(current)

    async def _forward(self, current: _Spoken, event: ReplyEvent) -> None:
        number = current.number
        if not current.started:
            current.started = True
            message_id = event.message.id if isinstance(event, MessageStored) else None
            await self._channel.send(ReplyStarted(reply=number, message_id=message_id))
        match event:
            case Delta():
                await self._channel.send(ReplyDelta(reply=number, text=event.text))
            case Sentence():
                await self._channel.send(ReplySentence(reply=number, number=event.number, text=event.text))
            case ReplyAudio():
                await self._send_audio(current, event)
            case Done():
                current.done = event
            case MessageStored():
                pass

    async def _send_audio(self, current: _Spoken, audio: ReplyAudio) -> None:
        header = ReplySound(
            reply=current.number,
            number=audio.number,
            start_time=audio.start_seconds,
            duration=audio.duration_seconds,
            word_timestamps=list(audio.words),
        )
        async with self._sending:
            if current.interrupted.is_set():
                return
            await self._channel.send(header)
        for part in self._encoder.encode(audio.audio):
            if current.interrupted.is_set():
                return
            await self._send_part(current, part)

    async def _send_part(self, current: _Spoken, part: OutputPart) -> None:
        """Send a part when less than `AHEAD_SECONDS` of audio wait at the client."""
        seconds = self._encoder.seconds(part.pcm)
        await self._pause(current, current.playback.ahead_seconds(monotonic()) + seconds - AHEAD_SECONDS)
        async with self._sending:
            if current.interrupted.is_set():
                return
            await self._listener.play(part.pcm)
            for message in part.messages:
                await self._channel.send_audio(message)
            now = monotonic()
            if current.asked_at is not None and not current.playback.sent_seconds:
                self._metrics.first_audio.observe(now - current.asked_at)
            current.playback.send(seconds, now)

    async def _pause(self, current: _Spoken, seconds: float) -> None:
        """Wait, at most until the reply is interrupted."""
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await current.interrupted.wait()

    async def _end(self, current: _Spoken) -> None:
        """Tell the client that nothing more of the reply follows, and wait until it was played or interrupted."""
        if current.interrupted.is_set() or not current.started:
            return
        done = current.done
        speech_error = None if done is None or done.speech_error is None else done.speech_error.code
        await self._channel.send(
            ReplyEnded(
                reply=current.number,
                message_id=None if done is None else done.reply.id,
                duration=round(current.playback.sent_seconds, 3),
                speech_error=speech_error,
            )
        )
        await self._pause(current, current.playback.ahead_seconds(monotonic()))

    async def _settle(self, current: _Spoken) -> None:
        """Keep only the heard part of a reply that was interrupted, or whose client has gone.

        An error is only logged: raised, it would replace the cancellation that ends the conversation.
        """
        now = monotonic()
        if current.interrupted.is_set() and current.playback.sent_seconds:
            heard = await current.playback.final_position_seconds(now, _REPORT_SECONDS)
        else:
            heard = current.playback.position_seconds(now)
        with continue_after_errors(_log, "reply_interruption"):
            await current.reply.interrupt(heard)
