"""Errors of WebSocket connections after the handshake: an error frame, a close code, and a report of failures."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog
from starlette.websockets import WebSocket

from echo_common.contracts.http.error_frame import ErrorFrame
from echo_common.error_reports import current_reports
from echo_common.errors import BodyTooLargeError, EchoError, InternalError, is_failure
from echo_common.http.languages import request_language
from echo_common.http.websocket_channel import GONE
from echo_common.messages.catalogue import message_of

REFUSED: Final = 1008
"""Close code of RFC 6455 for a violation of the endpoint's rules."""
TOO_LARGE: Final = 1009
FAILED: Final = 1011

_SEND_SECONDS: Final = 5.0
_SERVER_ERROR: Final = 500
_log = structlog.get_logger("echo.http")


async def close_with_error(websocket: WebSocket, error: Exception) -> None:
    """Send an error as the last frame of an accepted connection and close it. Log and report failures of the platform."""
    if is_failure(error):
        _log.error("request_failed", path=websocket.scope["path"], exc_info=error)
        reports = current_reports.get()
        if reports is not None and not (isinstance(error, EchoError) and error.remote):
            reports.report("request", getattr(websocket.scope.get("route"), "path", None), error)
    shown = error if isinstance(error, EchoError) else InternalError()
    with suppress(*GONE, TimeoutError):  # the client may have gone, or read nothing
        async with asyncio.timeout(_SEND_SECONDS):
            await websocket.send_text(error_frame(websocket, shown).model_dump_json(exclude_none=True))
            await websocket.close(_close_code(shown))


def error_frame(websocket: WebSocket, error: EchoError) -> ErrorFrame:
    """Return the frame of an error, in the language of the connection."""
    return ErrorFrame(
        code=error.code,
        message=message_of(error, request_language()),
        request_id=str(websocket.scope.get("state", {}).get("request_id", "")),
        status=error.status,
        details=error.details,
        retry_after=error.retry_after,
    )


def _close_code(error: EchoError) -> int:
    if isinstance(error, BodyTooLargeError):
        return TOO_LARGE
    return FAILED if error.status >= _SERVER_ERROR else REFUSED
