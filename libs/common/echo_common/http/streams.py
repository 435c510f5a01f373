"""Answers that are made while they are sent."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class ClosingStream(StreamingResponse):
    """Closes what it sends as soon as the client is gone, or anything fails, rather than when it is collected."""

    def __init__(self, body: "AsyncGenerator[bytes, None]", *, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(body, media_type=media_type, headers=headers)
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it all, and close it whatever happens."""
        async with aclosing(self._body):
            await super().__call__(scope, receive, send)
