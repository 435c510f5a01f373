"""Responses that are generated while they are sent."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

_PIECE_BYTES = 32 * 1024


class ClosingStream(StreamingResponse):
    """Closes what it sends as soon as the client is gone, or anything fails, rather than when it is collected."""

    def __init__(self, body: "AsyncGenerator[bytes, None]", *, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(_in_pieces(body), media_type=media_type, headers=headers)
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it all, and close it whatever happens."""
        async with aclosing(self._body):
            await super().__call__(scope, receive, send)


async def _in_pieces(body: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """Yield small pieces, so that the connection holds no more than one of them while its client does not read."""
    async for chunk in body:
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield chunk[start : start + _PIECE_BYTES]
