"""Streaming responses, and server-sent events."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from pydantic import BaseModel
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

_PIECE_BYTES = 32 * 1024
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


async def _in_pieces(body: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """Yield small chunks, so that the connection buffers at most one of them while its client does not read."""
    async for chunk in body:
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield chunk[start : start + _PIECE_BYTES]
