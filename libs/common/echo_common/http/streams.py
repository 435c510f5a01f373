"""Streaming responses, and server-sent events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from time import monotonic
from typing import Any, Final

from pydantic import BaseModel
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from echo_common.background_tasks import running_in_background

EVENT_STREAM: Final = "text/event-stream"
KEEP_ALIVE: Final = ":\n\n"
"""Comment between server-sent events, which clients ignore."""
KEEP_ALIVE_SECONDS: Final = 15.0
"""Time without an event after which a comment is sent, so that no proxy closes the connection."""

_PIECE_BYTES = 32 * 1024
_END_OF_EVENT = b"\n\n"
_LINE_BREAKS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})
"""Characters that JSON may contain and that clients take for the end of a line, though no server-sent event ends with them."""


def server_sent_event(name: str, body: BaseModel) -> bytes:
    """Return an event whose data is one line of JSON, also for clients that split lines as Unicode does."""
    return f"event: {name}\ndata: {body.model_dump_json().translate(_LINE_BREAKS)}\n\n".encode()


class ClosingStream(StreamingResponse):
    """A streaming response that closes its body when the client disconnects or an error occurs, before garbage collection.

    `source` is a generator from which the body is made, if its first step was executed before the body's: a client may leave
    before the body starts, and a generator that has not started closes no other.
    """

    def __init__(
        self,
        body: AsyncGenerator[bytes, None],
        *,
        media_type: str,
        headers: Mapping[str, str],
        source: AsyncGenerator[Any, None] | None = None,
    ) -> None:
        super().__init__(_in_pieces(body), media_type=media_type, headers=headers)
        self._body = body
        self._source = source or body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the body, and close it in any case."""
        async with aclosing(self._source), aclosing(self._body):
            await super().__call__(scope, receive, send)


class EventStream(ClosingStream):
    """A response of server-sent events, with comments while there is no event."""

    def __init__(
        self,
        body: AsyncGenerator[bytes, None],
        *,
        headers: Mapping[str, str],
        source: AsyncGenerator[Any, None] | None = None,
    ) -> None:
        super().__init__(body, media_type=EVENT_STREAM, headers=headers, source=source)

    async def stream_response(self, send: Send) -> None:
        """Send the events, and the comments between them."""
        sender = _EventSender(send)
        async with running_in_background(sender.keep_alive()):
            await super().stream_response(sender.send)


class _EventSender:
    """Sender of one response: its messages, and comments where no event is in progress."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._sending = asyncio.Lock()
        self._sent_at = monotonic()
        self._between_events = False

    async def send(self, message: Message) -> None:
        async with self._sending:
            await self._send(message)
            body: bytes = message.get("body", _END_OF_EVENT)
            self._between_events = body.endswith(_END_OF_EVENT)  # an event has no other empty line
            self._sent_at = monotonic()

    async def keep_alive(self) -> None:
        """Send the comments until the client has gone."""
        with suppress(OSError):  # raised by the next event, too
            while True:
                await asyncio.sleep(self._sent_at + KEEP_ALIVE_SECONDS - monotonic())
                async with self._sending:
                    if monotonic() < self._sent_at + KEEP_ALIVE_SECONDS:
                        continue
                    if self._between_events:
                        await self._send({"type": "http.response.body", "body": KEEP_ALIVE.encode(), "more_body": True})
                    self._sent_at = monotonic()


async def _in_pieces(body: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """Yield small chunks, so that the connection buffers at most one of them while its client does not read."""
    async for chunk in body:
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield chunk[start : start + _PIECE_BYTES]
