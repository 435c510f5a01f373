"""A spoken conversation: the user's microphone and the echo's replies, until one side ends it."""

import asyncio
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from pydantic import ValidationError as InvalidFrameError

from echo_common.background_tasks import BackgroundTasks
from echo_common.contracts.http.talk import (
    MAX_FRAME_BYTES,
    TALK_CLIENT_FRAME,
    EndTalk,
    InterruptReply,
    ReplyPlayed,
    StartTalk,
    TalkClientFrame,
    UserSpeechEnded,
    UserSpeechStarted,
)
from echo_common.errors import BodyTooLargeError, RateLimitedError, RequestTimeoutError, ValidationError
from echo_common.metrics import TalkMetrics
from echo_voice.talk.channel import Channel
from echo_voice.talk.codecs import MalformedAudioError
from echo_voice.talk.listening import ConversationListener, Utterance
from echo_voice.talk.replying import Replying
from echo_voice.talk.transcripts import Transcripts

START_SECONDS: Final = 10.0
"""Time until the first frame."""

_WAITING_UTTERANCES = 4
"""Utterances that may wait for their transcript. With more, no audio is received until one is transcribed."""


@dataclass(frozen=True, slots=True)
class ConversationLimits:
    """Limits of a conversation, in seconds, and the speed of its input relative to real time."""

    longest_seconds: float = 1_800.0
    idle_seconds: float = 60.0
    input_speed: float = 2.0
    input_burst_seconds: float = 3.0


@dataclass
class InputRate:
    """The rate of a microphone's audio, which a client must not send much faster than it is recorded."""

    limits: ConversationLimits
    started_at: float = field(default_factory=monotonic)
    seconds: float = 0.0

    def add(self, seconds: float, now: float) -> None:
        """Count audio. Raises `RateLimitedError`."""
        self.seconds += seconds
        if self.seconds > self.limits.input_burst_seconds + self.limits.input_speed * (now - self.started_at):
            raise RateLimitedError("The audio arrives faster than twice real time. Send it as it is recorded.")


async def receive_start(channel: Channel) -> StartTalk | None:
    """Return the first frame; None when the client has gone. Raises `RequestTimeoutError`, `ValidationError`."""
    try:
        async with asyncio.timeout(START_SECONDS):
            received = await channel.receive()
    except TimeoutError:
        raise RequestTimeoutError(f"Send the frame `start` within {START_SECONDS:g} seconds.") from None
    if received is None:
        return None
    frame = _parse(received) if isinstance(received, str) else None
    if not isinstance(frame, StartTalk):
        raise ValidationError("The first frame must be `start`.")
    return frame


class SpokenConversation:
    """The course of a conversation. While the user speaks, no reply is spoken."""

    def __init__(
        self,
        channel: Channel,
        listener: ConversationListener,
        transcripts: Transcripts,
        replying: Replying,
        limits: ConversationLimits,
        metrics: TalkMetrics,
    ) -> None:
        self._channel = channel
        self._listener = listener
        self._transcripts = transcripts
        self._replying = replying
        self._limits = limits
        self._metrics = metrics
        self._rate = InputRate(limits)
        self._utterances: asyncio.Queue[Utterance] = asyncio.Queue(_WAITING_UTTERANCES)

    async def run(self) -> None:
        """Serve the conversation until the client ends it or has gone. The reply in progress is then interrupted.

        Raises:
            EchoError: It cannot go on.
            ListeningLostError: The listener crashed.
        """
        tasks = BackgroundTasks()
        try:
            async with asyncio.timeout(self._limits.longest_seconds):
                work = {tasks.start(self._receive(), awaited=True), tasks.start(self._take_turns(), awaited=True)}
                done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        except TimeoutError:
            raise RequestTimeoutError(
                "The time of the conversation, or of its access token, is over. Connect again to continue."
            ) from None
        finally:
            await tasks.close()
            await self._transcripts.close()

    async def _receive(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._limits.idle_seconds):
                    received = await self._channel.receive()
            except TimeoutError:
                raise RequestTimeoutError(f"Nothing was received for {self._limits.idle_seconds:g} seconds.") from None
            if received is None:
                return
            if len(received) > MAX_FRAME_BYTES:
                raise BodyTooLargeError(f"A frame may have at most {MAX_FRAME_BYTES} bytes.")
            if isinstance(received, bytes):
                await self._hear(received)
            elif await self._control(_parse(received)):
                return

    async def _control(self, frame: TalkClientFrame) -> bool:
        """Follow a text frame; return whether it ends the conversation."""
        match frame:
            case ReplyPlayed():
                self._replying.report_played(frame.reply, frame.seconds)
            case InterruptReply():
                await self._replying.interrupt()
            case EndTalk():
                return True
            case StartTalk():
                raise ValidationError("The conversation has already started.")
        return False

    async def _hear(self, message: bytes) -> None:
        arrived_at = monotonic()
        try:
            heard = await self._listener.hear(message)
        except MalformedAudioError as error:
            raise ValidationError(str(error)) from error
        self._rate.add(heard.seconds, arrived_at)
        for event in heard.events:
            if isinstance(event, Utterance):
                await self._end_speech(event)
            else:
                await self._start_speech(arrived_at)

    async def _start_speech(self, arrived_at: float) -> None:
        if await self._replying.begin_user_speech():
            self._metrics.barge_in.observe(monotonic() - arrived_at)
        await self._channel.send(UserSpeechStarted())
        self._transcripts.begin()

    async def _end_speech(self, utterance: Utterance) -> None:
        self._transcripts.end()
        self._replying.end_user_speech()
        await self._channel.send(UserSpeechEnded())
        await self._utterances.put(utterance)

    async def _take_turns(self) -> None:
        """Greet, then reply to each utterance. What the user adds before the reply belongs to the same message."""
        await self._replying.greet()
        unanswered = ""
        while True:
            utterance = await self._utterances.get()
            ended_at = monotonic()
            text = await self._transcripts.finish(utterance)
            unanswered = f"{unanswered} {text}".strip()
            if unanswered and not self._replying.user_speaks and self._utterances.empty():
                said, unanswered = unanswered, ""
                await self._replying.reply(said, ended_at)


def _parse(text: str) -> TalkClientFrame:
    try:
        return TALK_CLIENT_FRAME.validate_json(text)
    except InvalidFrameError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValidationError(
            f"This frame is not valid: {place}: {first['msg']}." if place else "This frame is not valid."
        ) from None
