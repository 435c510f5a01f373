"""Opening of spoken conversations: their parts, from the platform's, for a user and an echo."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from time import time

from echo_common.auth.principal import Principal
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.http.talk import MAX_FRAME_BYTES, StartTalk, TalkReady
from echo_common.contracts.values import AudioFormat
from echo_common.errors import ServiceUnavailableError
from echo_common.metrics import TalkMetrics
from echo_voice.conversations.replies import Replies
from echo_voice.conversations.reply_events import SpeechOrder
from echo_voice.domain.echos import Echo
from echo_voice.settings import VoiceSettings
from echo_voice.talk.channel import Channel
from echo_voice.talk.codecs import split_format
from echo_voice.talk.conversation import ConversationLimits, SpokenConversation, receive_start
from echo_voice.talk.detector import VoiceActivity
from echo_voice.talk.listening import Listeners, ListeningLostError, SandboxedListeners
from echo_voice.talk.open_conversations import OpenConversations
from echo_voice.talk.replying import Replying
from echo_voice.talk.spoken_reply import Greeting, SpokenReply
from echo_voice.talk.transcription import UtteranceTranscriber
from echo_voice.talk.transcripts import Transcripts


@dataclass(frozen=True)
class SpokenConversations:
    """The spoken conversations of this process."""

    listeners: Listeners
    transcriber: UtteranceTranscriber
    replies: Replies
    open: OpenConversations
    limits: ConversationLimits
    metrics: TalkMetrics

    @classmethod
    def create(
        cls, settings: VoiceSettings, replies: Replies, transcriber: UtteranceTranscriber, metrics: TalkMetrics
    ) -> "SpokenConversations":
        """Create the spoken conversations of a process."""
        return cls(
            SandboxedListeners(),
            transcriber,
            replies,
            OpenConversations(settings.talk_at_once, settings.talk_per_user, metrics),
            ConversationLimits(settings.talk_longest_seconds),
            metrics,
        )

    async def hold(self, channel: Channel, echo: Echo, principal: Principal, token: str) -> None:
        """Hold a conversation until the client ends it or has gone.

        Args:
            channel: The accepted connection.
            echo: The echo, which is the user's.
            principal: The user.
            token: The user's access token, with which replies are spoken.

        Raises:
            EchoError: The conversation cannot go on, or its time or that of the token is over.
        """
        limits = self.limits
        if principal.expires_at is not None:
            limits = replace(limits, longest_seconds=min(limits.longest_seconds, max(0.0, principal.expires_at - time())))
        start = await receive_start(channel)
        if start is None:
            return
        options = VoiceActivity(start.vad.threshold, start.vad.silence_seconds)
        try:
            async with self.listeners.open(start.input, start.output, options) as listener:
                await channel.send(_ready(start, limits))
                speech = _speech_config(start)
                greeting = None
                if start.greeting and echo.greeting:
                    greeting = Greeting(echo.greeting, self.replies.streams, token=token, voice_id=echo.id, config=speech)
                reply = partial(self._open_reply, echo.id, principal, SpeechOrder(token, speech))
                await SpokenConversation(
                    channel,
                    listener,
                    Transcripts(channel.send, listener, self.transcriber, echo.language),
                    Replying(channel, listener, start.output, reply, greeting, self.metrics),
                    limits,
                    self.metrics,
                ).run()
        except ListeningLostError as error:
            raise ServiceUnavailableError("The detection of speech broke off; connect again.") from error

    @asynccontextmanager
    async def _open_reply(
        self, echo_id: str, principal: Principal, speech: SpeechOrder, text: str
    ) -> AsyncIterator[SpokenReply]:
        async with self.replies.open(echo_id, text, principal, speech=speech) as reply:
            yield reply


def _speech_config(start: StartTalk) -> SpeechConfig:
    """Return the options of replies; those of the echo apply to all others."""
    return SpeechConfig(output_format=AudioFormat.PCM, sample_rate=split_format(start.output)[1], ssml=False)


def _ready(start: StartTalk, limits: ConversationLimits) -> TalkReady:
    return TalkReady(
        input=start.input,
        output=start.output,
        max_frame_bytes=MAX_FRAME_BYTES,
        idle_seconds=limits.idle_seconds,
        longest_seconds=round(limits.longest_seconds),
    )
