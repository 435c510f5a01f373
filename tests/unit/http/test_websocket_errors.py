"""The last frame of a WebSocket connection that ends with an error."""

import pytest
from starlette.types import Message
from starlette.websockets import WebSocket

from echo_common.errors import RateLimitedError
from echo_common.http.websocket_errors import close_with_error


async def _connect() -> Message:
    return {"type": "websocket.connect"}


@pytest.mark.parametrize("error", [OSError("The client has gone."), RuntimeError("The connection is closed.")])
async def test_an_error_for_a_client_that_has_gone_is_no_failure(error: Exception) -> None:
    async def send(message: Message) -> None:
        if message["type"] != "websocket.accept":
            raise error

    websocket = WebSocket({"type": "websocket", "path": "/live"}, _connect, send)
    await websocket.accept()

    await close_with_error(websocket, RateLimitedError())  # starlette raises `WebSocketDisconnect` for an `OSError`
