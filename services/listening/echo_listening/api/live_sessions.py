"""WebSocket endpoint of live group sessions (`/group-sessions/{group_session_id}/live`)."""

from contextlib import suppress
from typing import Final

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import BaseModel

from echo_common.auth.dependencies import authorize_websocket
from echo_common.auth.principal import Scope
from echo_common.contracts.errors.group_sessions import GroupSessionEndedError
from echo_common.errors import EchoError
from echo_common.http.endpoints import PublicRouter
from echo_common.http.languages import request_language
from echo_common.http.proxy_options import MAX_MESSAGE_BYTES
from echo_common.http.websocket_errors import close_with_error
from echo_common.messages.catalogue import message_of
from echo_listening.dependencies import Dependencies
from echo_listening.usecases.group_sessions import find_group_session
from echo_listening.usecases.live_sessions import hold_connection

_SCOPES: Final = (Scope.LISTENING_READ, Scope.LISTENING_WRITE)
_GONE: Final = (RuntimeError, OSError, WebSocketDisconnect)
"""Errors of sending to a client that has gone."""

router = PublicRouter("group-sessions")


@router.websocket_endpoint("/group-sessions/{group_session_id}/live", max_message_bytes=MAX_MESSAGE_BYTES, scopes=_SCOPES)
async def follow_group_session(websocket: WebSocket, group_session_id: str) -> None:
    """Follow and control a group session.

    Frames are JSON; see docs/listening.md. The connection needs a token with the scopes `listening:read` and `listening:write`.
    """
    deps: Dependencies = websocket.app.state.dependencies
    principal = await authorize_websocket(websocket, *_SCOPES)
    session = await find_group_session(group_session_id, principal, deps)
    if not session.active:
        raise GroupSessionEndedError
    await websocket.accept()
    try:
        await hold_connection(_WebSocketChannel(websocket), session, principal, deps)
    except Exception as error:
        await close_with_error(websocket, error)
    else:
        with suppress(*_GONE):
            await websocket.close()


class _WebSocketChannel:
    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> str | bytes | None:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        data: str | bytes = message["text"] if message.get("text") is not None else message["bytes"]
        return data

    async def send(self, frame: BaseModel) -> None:
        with suppress(*_GONE):  # `receive` tells that the client has gone
            await self._websocket.send_text(frame.model_dump_json())

    def message_of(self, error: EchoError) -> str:
        return message_of(error, request_language())
