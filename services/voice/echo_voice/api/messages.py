"""Endpoints for messages to echos (`/echos/{echo_id}/messages`)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal

from fastapi import Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, Json, ValidationError

from echo_common.auth.dependencies import Token, VoicesReader, VoicesWriter
from echo_common.auth.principal import Principal
from echo_common.contracts.errors.chat import (
    CHAT,
    ConversationDeletedError,
    MessageNotFoundError,
    MessageTooLongError,
    NoSpeechError,
    RecogniserMissingError,
    ReplyInProgressError,
)
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.voice import AnalysisFailedError, EchoNotFoundError, UnreadableError
from echo_common.contracts.http.messages import MessageRequest, MessageView, ReplySpeech, ReplyView
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.values import Metric
from echo_common.errors import FileTooLargeError, UnsupportedMediaError
from echo_common.http.endpoints import Form, Media, PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.forward import CLIENT_GONE, ClientRequest
from echo_common.http.json_body import is_multipart, read_json_body
from echo_common.http.pagination import Page, paginated
from echo_common.http.proxy_options import LongRequest
from echo_common.http.streams import EVENT_STREAM, ClosingStream, EventStream
from echo_common.http.time_range import TimeRangeQuery
from echo_common.http.upload import fields_of, received
from echo_common.http.validation import details_of, invalid
from echo_voice.api import examples
from echo_voice.api.dependencies import Deps
from echo_voice.api.parameters import EchoId
from echo_voice.api.reply_streams import MOST_AUDIO_BYTES, collect_reply, reply_events
from echo_voice.conversations.history import MessageFilter
from echo_voice.conversations.repeats import recording_key
from echo_voice.conversations.reply_events import ReplyEvent, SpeechOrder
from echo_voice.dependencies import Dependencies
from echo_voice.domain.messages import Message
from echo_voice.usecases.recordings import MAXIMUM_BYTES, require_recogniser, transcribe_recording
from echo_voice.views import message_view

_PATH = "/echos/{echo_id}/messages"
_DELETED = "The message is deleted."
_ALL_DELETED = "The messages are deleted."
_STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

PageQuery = Annotated[Page, Depends(paginated("created_at"))]
MessageId = Annotated[str, Path(description="A message's id.", examples=[examples.MESSAGE["id"]])]
Accept = Annotated[
    str, Header(alias="Accept", description="`text/event-stream` for the events of the reply while it is written.")
]
RequestKey = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255, include_in_schema=False)]

router = PublicRouter("echos")


class RecordingFields(BaseModel):
    """Text fields of a spoken message."""

    model_config = ConfigDict(extra="forbid")

    speech: Json[ReplySpeech] | None = Field(None, description="JSON object `speech`, as in a request without a recording.")


_FORM = Form("recording", RecordingFields, json=MessageRequest)


@router.endpoint(
    "POST",
    _PATH,
    response=Success[ReplyView],
    form=_FORM,
    other_types=(EVENT_STREAM,),
    idempotent=True,
    long_request=LongRequest.STREAM,
    errors=(
        EchoNotFoundError,
        ReplyInProgressError,
        ConversationDeletedError,
        MessageTooLongError,
        QuotaExceededError,
        FileTooLargeError,
        UnsupportedMediaError,
        UnreadableError,
        AnalysisFailedError,
        NoSpeechError,
        RecogniserMissingError,
        *CHAT,
    ),
    example=enveloped(examples.REPLY),
    daily_quota=Metric.MESSAGES,
)
async def send_message(
    echo_id: EchoId,
    request: Request,
    principal: VoicesWriter,
    token: Token,
    deps: Deps,
    accept: Accept = "*/*",
    key: RequestKey = None,
) -> Success[ReplyView] | Response:
    """Send a message to an echo, as text or as a recording, and get its reply.

    With `speech`, the reply is spoken in the echo's voice; the token needs the scope `speech:write` then. With `Accept:
    text/event-stream`, the response has the events `message`, `delta`, `sentence`, `audio` and at the end `done` or `error`; the
    first audio leaves while the reply is still being written. A client that disconnects stops the reply, unless an idempotency key
    allows it to retry; the history keeps the text so far. A repeat with the same key stores and counts no second message: it
    returns the stored reply, whose speech is made again if the response was larger than 1 MiB or an event stream; a reply that
    broke off is written again.
    """
    body, key = await _read_message(echo_id, request, principal, deps, key)
    streamed = EVENT_STREAM in accept
    speech = None if body.speech is None else _speech_order(body.speech, token, streamed=streamed)
    events = _reply(echo_id, body.text, principal, deps, speech, key)
    if streamed:
        first = await anext(events)  # a refusal before it is still returned as an error status
        return EventStream(reply_events(_continued(first, events)), source=events, headers=_STREAM_HEADERS)
    with ClientRequest(request.receive) as client_request:
        if key is None:
            client_request.watch()
        return ok(await collect_reply(events))
    return Response(status_code=CLIENT_GONE)


@router.endpoint("GET", _PATH, errors=(EchoNotFoundError,), example=enveloped([examples.MESSAGE]))
async def list_messages(
    echo_id: EchoId,
    principal: VoicesReader,
    deps: Deps,
    page: PageQuery,
    time: TimeRangeQuery,
    search: Annotated[
        str | None, Query(min_length=1, max_length=100, description="Search in the texts, case-insensitively.")
    ] = None,
) -> Success[list[MessageView]]:
    """List the messages with an echo, newest first."""
    found, total = await deps.history.list_messages(echo_id, MessageFilter(search, time), principal, page)
    return ok([message_view(message) for message in found], meta=page.meta(total))


@router.endpoint(
    "GET",
    f"{_PATH}/export",
    media=Media("All messages, oldest first.", ("application/json", "text/plain")),
    errors=(EchoNotFoundError,),
    example={"messages": [examples.MESSAGE]},
)
async def download_messages(
    echo_id: EchoId,
    principal: VoicesReader,
    deps: Deps,
    form: Annotated[Literal["json", "text"], Query(alias="format", description="Format of the response.")] = "json",
) -> Response:
    """Export all messages with an echo."""
    messages = await deps.history.export(echo_id, principal)
    name, mime, body = {
        "json": ("messages.json", "application/json", _json_lines),
        "text": ("messages.txt", "text/plain; charset=utf-8", _text_lines),
    }[form]
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return ClosingStream(body(messages), source=messages, media_type=mime, headers=headers)


@router.endpoint("DELETE", _PATH, idempotent=True, errors=(EchoNotFoundError,), example=enveloped(None, message=_ALL_DELETED))
async def delete_messages(echo_id: EchoId, principal: VoicesWriter, deps: Deps) -> Success[None]:
    """Delete all messages with an echo.

    The summary of the conversation is deleted, too. A reply in progress is not stored.
    """
    await deps.history.delete_all(echo_id, principal)
    return ok(None, message=_ALL_DELETED)


@router.endpoint(
    "DELETE",
    f"{_PATH}/{{message_id}}",
    idempotent=True,
    errors=(MessageNotFoundError,),
    example=enveloped(None, message=_DELETED),
)
async def delete_message(echo_id: EchoId, message_id: MessageId, principal: VoicesWriter, deps: Deps) -> Success[None]:
    """Delete a message.

    A summary that covers it is deleted, and made again from the other messages.
    """
    await deps.history.delete_message(echo_id, message_id, principal)
    return ok(None, message=_DELETED)


async def _read_message(
    echo_id: str, request: Request, principal: Principal, deps: Dependencies, key: str | None
) -> tuple[MessageRequest, str | None]:
    """Return a message and its request's key.

    A recording is transcribed only if the echo could reply to it and the user may send it, and once for a key.
    """
    if not is_multipart(request):
        return await read_json_body(request, MessageRequest), key
    await deps.replies.check(echo_id, principal)
    require_recogniser(deps)
    async with received(request, field=_FORM.file, limit=MAXIMUM_BYTES) as upload:
        fields = fields_of(upload, RecordingFields)
        key = None if key is None else await recording_key(key, upload.path)
        sent = None if key is None else await deps.replies.find_message(echo_id, key, principal)
        if sent is not None:
            return MessageRequest(text=sent.text, speech=fields.speech), key
        text = await transcribe_recording(upload.path, principal, deps)
    try:
        return MessageRequest(text=text, speech=fields.speech), key
    except ValidationError as error:  # its transcript is too long
        raise invalid(details_of(error.errors())) from None


def _speech_order(speech: ReplySpeech, token: str, *, streamed: bool) -> SpeechOrder:
    config = SpeechConfig(**speech.model_dump(), ssml=False)
    return SpeechOrder(token, config, most_bytes=None if streamed else MOST_AUDIO_BYTES)


async def _reply(
    echo_id: str, text: str, principal: Principal, deps: Dependencies, speech: SpeechOrder | None, key: str | None
) -> AsyncGenerator[ReplyEvent, None]:
    async with (
        deps.replies.open(echo_id, text, principal, speech=speech, request_key=key) as reply,
        aclosing(reply.events()) as events,
    ):
        async for event in events:
            yield event


async def _continued(first: ReplyEvent, rest: AsyncGenerator[ReplyEvent, None]) -> AsyncGenerator[ReplyEvent, None]:
    async with aclosing(rest):
        yield first
        async for event in rest:
            yield event


async def _json_lines(messages: AsyncGenerator[Message, None]) -> AsyncGenerator[bytes, None]:
    """Yield a JSON object with the messages, one a line."""
    separator = b'{"messages": [\n'
    async with aclosing(messages):
        async for message in messages:
            yield separator + message_view(message).model_dump_json().encode()
            separator = b",\n"
    yield b'{"messages": []}\n' if separator.startswith(b"{") else b"\n]}\n"


async def _text_lines(messages: AsyncGenerator[Message, None]) -> AsyncGenerator[bytes, None]:
    """Yield each message after a line with its time and its author."""
    async with aclosing(messages):
        async for message in messages:
            yield f"[{message.created_at:%Y-%m-%d %H:%M:%S} UTC] {message.role.value}\n{message.text}\n\n".encode()
