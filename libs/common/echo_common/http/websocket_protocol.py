"""uvicorn's WebSocket protocol with limits on handshakes, fragments and unread messages."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.server import ServerProtocol

from echo_common.errors import BadRequestError, EchoError, ForbiddenError, InternalError, ServiceUnavailableError
from echo_common.http.connections import Connection, Connections
from echo_common.http.refusals import render_refusal

_REFUSALS: Mapping[int, type[EchoError]] = {403: ForbiddenError, 500: InternalError, 503: ServiceUnavailableError}


class _Handshakes(ServerProtocol):
    """The protocol of WebSocket handshakes, with refusals in the envelope."""

    def reject(self, status: int, text: str) -> Response:
        """Return the response that refuses a handshake; `text` describes an invalid handshake."""
        error: EchoError = BadRequestError(text.strip() or None)
        if status in _REFUSALS:
            error = _REFUSALS[status]()
        headers, body = render_refusal(error, encrypted=False)
        fields = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
        return Response(error.status, HTTPStatus(error.status).phrase, fields, body)


class LimitedWebSocket(WebSocketsSansIOProtocol):
    """One WebSocket connection of a server with limits; it counts as the HTTP connection that it was."""

    _registered: tuple[Connections, Connection] | None = None
    _timer: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn = _Handshakes(max_size=self.config.ws_max_size, logger=self.logger)
        self._fragments = bytearray()

    def register(self, connections: Connections, connection: Connection) -> None:
        """Keep `connection` in the register until this one is closed, and start the time limit of the handshake."""
        self._registered = connections, connection
        if self.disconnected:
            connections.leave(connection)
        else:
            self._timer = self.loop.call_later(connections.limits.handshake_seconds, self._handshake_overdue, connections)

    def _handshake_overdue(self, connections: Connections) -> None:
        """Refuse a handshake that the app has neither accepted nor refused."""
        if self.handshake_complete or self.initial_response is not None:
            return
        connections.log("request_timed_out", "handshake")
        self.handshake_complete = self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
        self.conn.send_response(self.conn.reject(503, ""))
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    async def send(self, message: Any) -> None:
        """Send a message of the app; a refusal completes the handshake, which uvicorn would report as an error."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def shutdown(self) -> None:
        """Close the connection; if its client does not read, the register does so soon."""
        super().shutdown()
        if self._registered is not None and self.transport.get_write_buffer_size():
            connections, connection = self._registered
            connections.unread(connection)

    def handle_ping(self) -> None:
        """Respond to pings, unless the client does not read: its pongs would fill the memory."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_cont(self, event: Frame) -> None:
        """Join the fragments of a message: as objects of their own, short ones take many times their size."""
        if not self._fragments:
            self._fragments += self.frames[0]
        self._fragments += event.data
        if event.fin:
            self.frames, self._fragments = [bytes(self._fragments)], bytearray()
            self.send_receive_event_to_app()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection from the register."""
        if self._timer is not None:
            self._timer.cancel()
        if self._registered is not None:
            connections, connection = self._registered
            connections.leave(connection)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Record that the client has stopped reading."""
        super().pause_writing()
        if self._registered is not None:
            connections, connection = self._registered
            connections.unread(connection)

    def resume_writing(self) -> None:
        """Record that the client reads again."""
        super().resume_writing()
        if self._registered is not None:
            connections, connection = self._registered
            connections.read(connection)
