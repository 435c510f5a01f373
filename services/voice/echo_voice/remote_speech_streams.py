"""Streams of speech from the synthesis service, over its WebSocket."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final

import aiohttp
from pydantic import BaseModel, ValidationError

from echo_common.contracts.http.error_frame import ErrorFrame
from echo_common.contracts.http.stream_input import (
    MAX_FRAME_BYTES,
    SERVER_FRAME,
    STREAM_INPUT_PATH,
    AddText,
    CancelStream,
    EndText,
    ServerFrame,
    StartStream,
    StreamAudio,
    StreamDone,
    StreamStarted,
)
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.errors import EchoError, ServiceUnavailableError
from echo_common.http.client import RemoteError, ServiceClient, context_headers
from echo_common.http.websocket_client import open_websocket
from echo_voice.speech_stream import SpeechStream, SpeechStreams, SpokenSentence

_START_SECONDS: Final = 10.0
_PART_CHARACTERS: Final = 8_000
"""Characters of a frame: JSON writes each in at most six bytes, and a frame has at most 64 KiB."""
_GONE = (aiohttp.ClientError, OSError, RuntimeError)
"""Errors of sending on a connection that the service has closed; the iteration tells the reason."""


class RemoteSpeechStreams(SpeechStreams):
    """Streams of the synthesis service."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    def open(
        self, *, token: str, voice_id: str, config: SpeechConfig, low_latency: bool = True
    ) -> AbstractAsyncContextManager[SpeechStream]:
        """Open a stream as a user; see `SpeechStreams`."""
        latency = "low" if low_latency else "normal"
        return self._opened(token, StartStream(type="start", voice_id=voice_id, config=config, latency=latency))

    @asynccontextmanager
    async def _opened(self, token: str, start: StartStream) -> AsyncIterator[SpeechStream]:
        headers = {**context_headers(), "Authorization": f"Bearer {token}"}
        async with open_websocket(
            self._client, STREAM_INPUT_PATH, headers=headers, protocols=(), max_message_bytes=MAX_FRAME_BYTES
        ) as socket:
            stream = _RemoteSpeechStream(socket)
            await stream.start(start)
            try:
                yield stream
            finally:
                await stream.cancel()


class NoSpeechStreams(SpeechStreams):
    """No synthesis service: every stream is refused."""

    def open(
        self, *, token: str, voice_id: str, config: SpeechConfig, low_latency: bool = True
    ) -> AbstractAsyncContextManager[SpeechStream]:
        """Raise `ServiceUnavailableError`."""
        raise ServiceUnavailableError("The synthesis service is not configured. Set ECHO_VOICE_SYNTHESIS_URL.")


class _RemoteSpeechStream(SpeechStream):
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._finished = False

    async def start(self, start: StartStream) -> None:
        """Send the options and wait until they are accepted."""
        await self._send(start)
        try:
            async with asyncio.timeout(_START_SECONDS):
                frame = await self._receive()
        except TimeoutError as error:
            raise ServiceUnavailableError("synthesis did not respond in time.") from error
        if not isinstance(frame, StreamStarted):
            raise self._invalid()

    async def write(self, text: str) -> None:
        for start in range(0, len(text), _PART_CHARACTERS):
            await self._send(AddText(type="text", text=text[start : start + _PART_CHARACTERS]))

    async def end(self) -> None:
        await self._send(EndText(type="end"))

    def __aiter__(self) -> AsyncIterator[SpokenSentence]:
        return self._speech()

    async def cancel(self) -> None:
        """Discard speech that was not received."""
        if not self._finished:
            await self._send(CancelStream(type="cancel"))

    async def _speech(self) -> AsyncGenerator[SpokenSentence, None]:
        while True:
            frame = await self._receive()
            if isinstance(frame, StreamAudio):
                yield SpokenSentence(
                    frame.number,
                    frame.text,
                    await self._receive_audio(frame.bytes),
                    frame.start_time,
                    frame.duration,
                    frame.word_timestamps,
                )
            elif isinstance(frame, StreamDone):
                self._finished = True
                return

    async def _send(self, frame: BaseModel) -> None:
        with suppress(*_GONE):
            # defaults are left out: those of an echo apply in their place
            await self._socket.send_str(frame.model_dump_json(exclude_unset=True))

    async def _receive(self) -> ServerFrame:
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise self._invalid()
        try:
            frame = SERVER_FRAME.validate_json(message.data)
        except ValidationError as error:
            raise self._invalid() from error
        if isinstance(frame, ErrorFrame):
            self._finished = True
            raise RemoteError(frame.status, frame.code, frame.message, details=frame.details, retry_after=frame.retry_after)
        return frame

    async def _receive_audio(self, size: int) -> bytes:
        if not size:
            return b""
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.BINARY or len(message.data) != size:
            raise self._invalid()
        return bytes(message.data)

    def _invalid(self) -> EchoError:
        """Return the error of a connection that was closed, or has another frame than expected."""
        self._finished = True
        return ServiceUnavailableError("synthesis broke off the stream of speech.")
