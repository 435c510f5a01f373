"""A WebSocket connection with JSON frames."""

from contextlib import suppress
from typing import Final

from pydantic import BaseModel
from starlette.websockets import WebSocket, WebSocketDisconnect

GONE: Final = (RuntimeError, OSError, WebSocketDisconnect)
"""Errors of sending to a client that has gone."""


class WebSocketChannel:
    """An accepted WebSocket connection. Sending waits while the client does not read, and does nothing once it has gone."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> str | bytes | None:
        """Return the next frame; None when the client has gone."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        data: str | bytes = message["text"] if message.get("text") is not None else message["bytes"]
        return data

    async def send(self, frame: BaseModel) -> None:
        """Send a frame of JSON."""
        with suppress(*GONE):  # `receive` tells that the client has gone
            await self._websocket.send_text(frame.model_dump_json())
