"""Bodies of replies: server-sent events, or all of a reply at once."""

import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import structlog

from echo_common.background_tasks import report_failure
from echo_common.contracts.http.messages import (
    DeltaEvent,
    DoneEvent,
    ErrorEvent,
    ReplyAudioEvent,
    ReplyView,
    SentenceEvent,
    SpeechFailure,
)
from echo_common.contracts.http.synthesis import WordTimestamp
from echo_common.errors import EchoError, InternalError
from echo_common.http.languages import request_language
from echo_common.http.streams import server_sent_event
from echo_common.messages.catalogue import message_of
from echo_voice.conversations.reply_events import Delta, Done, MessageStored, ReplyAudio, ReplyEvent, Sentence
from echo_voice.domain.messages import Message
from echo_voice.views import message_view

MOST_AUDIO_BYTES: Final = 8 * 1024**2
"""Maximum speech of a reply that is no stream: all of it is in memory, several times while the response is made."""

_log = structlog.get_logger("echo.reply")


async def reply_events(events: AsyncGenerator[ReplyEvent, None]) -> AsyncGenerator[bytes, None]:
    """Yield a reply as server-sent events; the last one is `done` or `error`."""
    async with aclosing(events):
        try:
            async for event in events:
                yield _rendered(event)
        except EchoError as error:
            yield _error(error)
        except Exception as error:
            report_failure(_log, "reply", error)
            yield _error(InternalError())


async def collect_reply(events: AsyncGenerator[ReplyEvent, None]) -> ReplyView:
    """Return a complete reply. Raises the errors of `Reply.events`."""
    message: Message | None = None
    done: Done | None = None
    audio, words = bytearray(), list[WordTimestamp]()
    async with aclosing(events):
        async for event in events:
            match event:
                case MessageStored():
                    message = event.message
                case ReplyAudio():
                    audio += event.audio
                    words.extend(event.words)
                case Done():
                    done = event
    if message is None or done is None:
        raise InternalError
    return ReplyView(
        message=message_view(message),
        reply=message_view(done.reply),
        audio=base64.b64encode(audio).decode() if audio else None,
        word_timestamps=words or None,
        speech_error=_speech_failure(done.speech_error),
    )


def _error(error: EchoError) -> bytes:
    return server_sent_event("error", ErrorEvent(code=error.code, message=message_of(error, request_language())))


def _rendered(event: ReplyEvent) -> bytes:
    match event:
        case MessageStored():
            return server_sent_event("message", message_view(event.message))
        case Delta():
            return server_sent_event("delta", DeltaEvent(text=event.text))
        case Sentence():
            return server_sent_event("sentence", SentenceEvent(number=event.number, text=event.text))
        case ReplyAudio():
            audio = base64.b64encode(event.audio).decode()
            return server_sent_event(
                "audio", ReplyAudioEvent(number=event.number, audio=audio, word_timestamps=list(event.words))
            )
        case Done():
            reply = event.reply
            totals = DoneEvent(
                reply=message_view(reply),
                characters=len(reply.text),
                duration=reply.duration,
                speech_error=_speech_failure(event.speech_error),
            )
            return server_sent_event("done", totals)


def _speech_failure(error: EchoError | None) -> SpeechFailure | None:
    return None if error is None else SpeechFailure(code=error.code, message=message_of(error, request_language()))
