"""WebSocket endpoint that speaks a text while it is still being written."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from itertools import zip_longest
from typing import Final, Literal

from pydantic import BaseModel, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from echo_common.audio.formats import FORMATS
from echo_common.auth.dependencies import authorize_websocket
from echo_common.auth.principal import Principal, Scope
from echo_common.auth.tokens import TokenVerifier
from echo_common.contracts.http.stream_input import (
    CLIENT_FRAME,
    MAX_FRAME_BYTES,
    STREAM_INPUT_PATH,
    AddText,
    CancelStream,
    ClientFrame,
    EndText,
    FlushText,
    StartStream,
    StreamAudio,
    StreamCancelled,
    StreamDone,
    StreamFlushed,
    StreamStarted,
)
from echo_common.errors import BodyTooLargeError, EchoError, InvalidJsonError, UnauthenticatedError, refuse
from echo_common.http.endpoints import PublicRouter
from echo_common.http.validation import details_of, invalid
from echo_common.http.websocket_errors import close_with_error
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import WordTiming
from echo_synthesis.pipeline.growing_narration import Flush
from echo_synthesis.pipeline.stream_encoding import Part
from echo_synthesis.usecases.stream_input import TextStream, open_text_stream
from echo_synthesis.views import syllable_views, word_views

router = PublicRouter("speech")

_START_SECONDS: Final = 10.0
_IDLE_SECONDS: Final = 60.0
_VERIFY_SECONDS: Final = 2.5
_SEND_SECONDS: Final = 5.0
_WORDS: Final = 100
"""Words of a header, so that it is no larger than a frame may be."""
_NORMAL_CLOSURE: Final = 1000

_Outcome = Literal["spoken", "cancelled"]


@router.websocket_endpoint(STREAM_INPUT_PATH, max_message_bytes=MAX_FRAME_BYTES, scopes=(Scope.SPEECH_WRITE,))
async def stream_input(websocket: WebSocket) -> None:
    """Speak a text while it is still being written.

    Text frames are JSON, binary frames audio. The first frame is `start`; `text` adds to the text, `flush` speaks the rest, `end`
    ends the text, `cancel` discards the speech that was not sent. The bytes of all binary frames are one file.
    """
    principal = await _authorize(websocket)
    await websocket.accept()
    try:
        await _Connection(websocket, principal).serve()
    except (WebSocketDisconnect, WebSocketDisconnected):  # the latter if an earlier frame could not be sent
        return
    except Exception as error:
        await close_with_error(websocket, error)


async def _authorize(websocket: WebSocket) -> Principal:
    ticket = websocket.query_params.get("ticket")
    if ticket is None:
        return await authorize_websocket(websocket, Scope.SPEECH_WRITE)
    deps: Dependencies = websocket.app.state.dependencies
    return await deps.tickets.redeem(ticket, _verifier(websocket))


def _verifier(websocket: WebSocket) -> TokenVerifier:
    verifier: TokenVerifier = websocket.app.state.verifier
    return verifier


class _Connection:
    """One accepted connection."""

    def __init__(self, websocket: WebSocket, principal: Principal) -> None:
        self._websocket = websocket
        self._principal = principal
        self._deps: Dependencies = websocket.app.state.dependencies
        self._active_at = 0.0
        self._segments_sent = 0

    async def serve(self) -> None:
        """Serve the stream until its speech was sent or cancelled. Raises its errors, and `WebSocketDisconnect`."""
        start = await self._receive_start()
        async with open_text_stream(start, self._principal, self._deps) as stream:
            await self._send(_started(stream))
            outcome = await self._speak(stream)
        await self._send(StreamCancelled() if outcome == "cancelled" else _done(stream))
        await self._websocket.close(_NORMAL_CLOSURE)

    async def _receive_start(self) -> StartStream:
        try:
            async with asyncio.timeout(_START_SECONDS):
                frame = await self._receive()
        except TimeoutError:
            refuse("type", f"The first frame, start, did not arrive within {_START_SECONDS:g} s.")
        if not isinstance(frame, StartStream):
            refuse("type", "The first frame must be start.")
        return frame

    async def _speak(self, stream: TextStream) -> _Outcome:
        """Read text and send speech at the same time; return once the speech has ended or was cancelled."""
        reading = asyncio.create_task(self._read(stream))
        sending = asyncio.create_task(self._send_speech(stream))
        watching = asyncio.create_task(self._until_revoked())
        tasks = (sending, reading, watching)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return next(task for task in tasks if task in done).result()

    async def _read(self, stream: TextStream) -> _Outcome:
        """Read frames until the stream is cancelled."""
        self._be_active()
        while True:
            frame = await self._receive_while_used(stream)
            if isinstance(frame, AddText):
                await stream.write(frame.text)
            elif isinstance(frame, FlushText):
                stream.flush()
            elif isinstance(frame, EndText):
                stream.end()
            elif isinstance(frame, CancelStream):
                return "cancelled"
            else:
                refuse("type", "The stream has started already.")

    async def _receive_while_used(self, stream: TextStream) -> ClientFrame:
        """Receive the next frame. Raises `ValidationError` if none arrives for too long while no speech is pending."""
        receiving = asyncio.ensure_future(self._receive())
        try:
            while True:
                left = self._active_at + _IDLE_SECONDS - asyncio.get_running_loop().time()
                done, _ = await asyncio.wait([receiving], timeout=max(0.0, left))
                if done:
                    self._be_active()
                    return receiving.result()
                if stream.planning or stream.segments_planned > self._segments_sent:
                    self._be_active()
                elif self._active_at + _IDLE_SECONDS <= asyncio.get_running_loop().time():
                    refuse("type", f"Nothing was sent for {_IDLE_SECONDS:g} s. Send end when the text is complete.")
        finally:
            receiving.cancel()

    async def _receive(self) -> ClientFrame:
        """Receive a frame. Raises `ValidationError` for an invalid one, and `WebSocketDisconnect`."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", _NORMAL_CLOSURE))
        text: str | None = message.get("text")
        if text is None:
            refuse("type", "Send text frames with JSON; binary frames are sent by the server only.")
        if len(text) > MAX_FRAME_BYTES or len(text.encode(errors="replace")) > MAX_FRAME_BYTES:
            raise BodyTooLargeError(f"A frame may have at most {MAX_FRAME_BYTES} bytes. Send the text in smaller parts.")
        try:
            return CLIENT_FRAME.validate_json(text)
        except ValidationError as error:
            raise _refusal(text, error) from None

    async def _send_speech(self, stream: TextStream) -> _Outcome:
        """Send the speech until it ends."""
        sent_seconds = 0.0
        async with aclosing(stream.speech()) as parts:
            async for part in parts:
                if isinstance(part, Flush):
                    await self._send(StreamFlushed())
                    continue
                begins = part.totals.units > self._segments_sent
                start, sent_seconds = sent_seconds, part.totals.duration
                text = stream.text_of(part.words) if begins else ""
                if part.audio or begins:
                    for header, audio in _frames(part, text, start, sent_seconds - start):
                        await self._send_completely(header, audio)
                self._segments_sent = part.totals.units
                self._be_active()
        return "spoken"

    async def _send_completely(self, header: StreamAudio, audio: bytes) -> None:
        """Send a header and its binary frame; if cancelled, wait a moment, so that no header lacks its audio."""
        sending = asyncio.ensure_future(self._send_both(header, audio))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait([sending], timeout=_SEND_SECONDS)
            sending.cancel()
            raise

    async def _send_both(self, header: StreamAudio, audio: bytes) -> None:
        await self._send(header)
        if audio:
            await self._websocket.send_bytes(audio)

    async def _send(self, frame: BaseModel) -> None:
        await self._websocket.send_text(frame.model_dump_json())

    async def _until_revoked(self) -> _Outcome:
        """Wait until the session of the token or the ticket has ended. Raises `UnauthenticatedError`."""
        while True:
            if _verifier(self._websocket).revoked(self._principal):
                raise UnauthenticatedError
            await asyncio.sleep(_VERIFY_SECONDS)

    def _be_active(self) -> None:
        self._active_at = asyncio.get_running_loop().time()


def _started(stream: TextStream) -> StreamStarted:
    settings, known = stream.speaker.settings, stream.voice_is_known
    return StreamStarted(
        media_type=FORMATS[settings.output_format].media_type(settings.sample_rate),
        sample_rate=settings.sample_rate,
        voice_id=settings.voice_id if known else None,
        engine=settings.engine if known else None,
        language=settings.language if known else None,
    )


def _done(stream: TextStream) -> StreamDone:
    spoken = None if stream.totals is None else stream.totals.settings
    return StreamDone(
        duration=0.0 if stream.totals is None else stream.totals.duration,
        sentences=stream.sentences,
        characters=stream.characters,
        voice_id=spoken and spoken.voice_id,
        engine=spoken and spoken.engine,
        language=spoken and spoken.language,
        fallback_from=spoken and spoken.fallback_from,
    )


def _frames(part: Part, text: str, start: float, duration: float) -> Sequence[tuple[StreamAudio, bytes]]:
    """Return a part in frames: headers with as many words as fit, each with as much audio as fits."""
    words: list[Sequence[WordTiming]] = [part.words[at : at + _WORDS] for at in range(0, len(part.words), _WORDS)]
    audio = [part.audio[at : at + MAX_FRAME_BYTES] for at in range(0, len(part.audio), MAX_FRAME_BYTES)]
    settings = part.totals.settings
    frames: list[tuple[StreamAudio, bytes]] = []
    for shown, piece in zip_longest(words or [()], audio, fillvalue=None):
        begins = not frames
        header = StreamAudio(
            number=part.totals.units,
            text=text if begins else "",
            bytes=len(piece or b""),
            start_time=round(start if begins else start + duration, 4),
            duration=round(duration, 4) if begins else 0.0,
            word_timestamps=word_views(shown or (), settings) or [],
            syllable_timestamps=syllable_views(shown or (), settings) or [],
        )
        frames.append((header, piece or b""))
    return frames


def _refusal(text: str, error: ValidationError) -> EchoError:
    """Return the error of a frame that is not JSON, or lacks a field of its type."""
    problems = error.errors(include_url=False)
    kind = problems[0]["type"]
    if kind == "json_invalid":
        return InvalidJsonError("The frame is not valid JSON.")
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return invalid([{"field": "type", "message": "Enter one of start, text, flush, end, cancel."}])
    content = json.loads(text)
    if not isinstance(content, dict):
        return invalid([{"field": "body", "message": "A frame must be a JSON object with a type."}])
    named = [{**problem, "loc": problem["loc"][1:]} for problem in problems]  # without the type
    return invalid(details_of(named, content))
