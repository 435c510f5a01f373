"""uvicorn's HTTP/1.1 protocol with limits on headers, bodies and unread responses."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from echo_common.errors import BadRequestError, EchoError, HeaderTooLargeError, RequestTimeoutError
from echo_common.http.connections import Connection, Connections
from echo_common.http.refusals import render_refusal
from echo_common.http.websocket_protocol import LimitedWebSocket

_WRITE_BUFFER_BYTES = 32 * 1024
_UNIX_BUFFER_BYTES = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 16 * 1024 * 1024


class LimitedProtocol(HttpToolsProtocol):
    """One connection of a server with limits.

    A request rejected here never reaches the app: the response is an error in the envelope, and the connection is closed once
    the client has had time to read it.
    """

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self._connections = connections
        self._limits = connections.limits
        self._in_header = True  # of a request that has begun, or of the next
        self._begun = False
        self._header_bytes = 0
        self._framing_bytes = 0  # of a body: bytes since its last content, such as trailers and chunk extensions
        self._body_at = 0.0
        self._unwanted_bytes = 0
        self._refused = self._upgraded = False
        self._not_admitted: EchoError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.handshake: Connection | None = None
        """The TLS handshake of the connection, whose place in the register it takes."""

    @property
    def address(self) -> str | None:
        """The peer's address; None on a Unix socket."""
        return self.client[0] if self.client else None

    @property
    def between_requests(self) -> bool:
        """True while no request and no WebSocket is being served."""
        return not self._upgraded and (self.cycle is None or self.cycle.response_complete) and self._in_header

    @property
    def unsent_bytes(self) -> int:
        """Size of the unsent part of a response in bytes."""
        return self.transport.get_write_buffer_size()

    def abort(self) -> None:
        """Close the connection at once; data that is not sent or not read is lost, in the kernel too."""
        if (sock := self.transport.get_extra_info("socket")) is not None:
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit or reject a new connection."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(_WRITE_BUFFER_BYTES)
        if self.client is None and (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNIX_BUFFER_BYTES)
        if self.handshake is not None:
            self._connections.leave(self.handshake)
        self._not_admitted = self._connections.admit(self)
        if self._not_admitted is None:
            self._arm(self._limits.header_seconds)
        elif self._connections.linger(self):
            self._arm(_LINGER_SECONDS)  # a response before the request would confuse clients
        else:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection from the register."""
        self._disarm()
        self._connections.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on to the parser in chunks no larger than the header limit."""
        size = self._limits.header_bytes
        if len(data) <= size:
            self._feed(data)
            return
        view = memoryview(data)
        for start in range(0, len(view), size):
            self._feed(view[start : start + size])

    def _feed(self, data: bytes | memoryview) -> None:
        if self._refused:
            self._discard(len(data))
            return
        if self._upgraded or self.transport.is_closing():
            return
        if self._not_admitted is not None:
            self._refuse(self._not_admitted)
        elif not self._in_header:
            self._framing_bytes += len(data)
            super().data_received(data)  # type: ignore[arg-type]
            if not (self._in_header or self._refused) and self._framing_bytes >= self._limits.header_bytes:
                self._refuse(HeaderTooLargeError())
        else:
            room = self._limits.header_bytes - self._header_bytes
            self._header_bytes += len(data)
            super().data_received(data[:room] if len(data) > room else data)  # type: ignore[arg-type]
            # a request that ended in these bytes has reset the count: bytes after it are counted from the next call on
            if self._header_bytes >= self._limits.header_bytes and self._in_header and self._begun:
                self._refuse(HeaderTooLargeError())
            elif len(data) > room:
                self._feed(data[room:])
                return
        if self._timer is None and not self._refused and not self._upgraded:
            self._watch()

    def _watch(self) -> None:
        """Start the timeout for the rest of a header or of a body."""
        if not self._in_header:
            self._body_at = self.loop.time()
            self._arm(self._limits.body_idle_seconds)
        elif self._begun or self.between_requests:
            self._arm(self._limits.header_seconds)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over; it stays in the register until it is closed."""
        self._upgraded = True
        self._disarm()
        super().handle_websocket_upgrade()
        upgraded = self.transport.get_protocol()
        if not isinstance(upgraded, LimitedWebSocket):
            return
        if upgraded.handshake_initiated:
            upgraded.register(self._connections, self)
        else:  # its parser has lower limits, and uvicorn does not send its response
            self.connections.discard(upgraded)
            self.connections.add(self)
            self.transport.set_protocol(self)
            self._refuse(HeaderTooLargeError())

    def on_message_begin(self) -> None:
        """Record the first byte of a request; if the last response has been sent, the client counts as reading again."""
        self._begun = True
        if not self.transport.get_write_buffer_size():
            self._connections.read(self)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Accept a header field; drop a trailer field, because a client could set headers that a proxy removes."""
        if self._in_header:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Record the end of a header."""
        self._in_header = self._begun = False
        self._disarm()
        if self.parser.should_upgrade() and self._should_upgrade():
            self._check_handshake()
        super().on_headers_complete()

    def _check_handshake(self) -> None:
        """Raise `ValueError`, a 400, for a WebSocket handshake with a body or during another request's response."""
        if any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in self.headers):
            raise ValueError("A WebSocket handshake has no body.")
        if self.cycle is not None and not self.cycle.response_complete:
            raise ValueError("A WebSocket handshake needs a connection of its own.")

    def on_body(self, body: bytes) -> None:
        """Record the arrival of a part of the body."""
        self._body_at = self.loop.time()
        self._framing_bytes = 0
        if self.cycle.response_complete:
            self._discard(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Record the end of a request."""
        self._in_header = True
        self._header_bytes = self._framing_bytes = self._unwanted_bytes = 0
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Record the end of a response; the client may not have read it yet."""
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._connections.unread(self)

    def pause_writing(self) -> None:
        """Record that the client has stopped reading."""
        super().pause_writing()
        self._connections.unread(self)

    def resume_writing(self) -> None:
        """Record that the client reads again."""
        super().resume_writing()
        self._connections.read(self)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, unless its client has not read the response yet."""
        if self.transport.get_write_buffer_size() and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """Reject a request that is not valid HTTP."""
        self._refuse(BadRequestError())

    def _arm(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._overdue)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _overdue(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._not_admitted is not None:
            self.transport.close()
        elif not self._in_header:
            self._body_overdue()
        elif self.cycle is not None and not self.cycle.response_complete:
            self._arm(self._limits.header_seconds)  # the next request may arrive while this one is served
        elif self._header_bytes:
            self._connections.log("request_timed_out", "header")
            self._refuse(RequestTimeoutError())
        else:
            self.transport.close()

    def _body_overdue(self) -> None:
        now = self.loop.time()
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:
            self._body_at = now  # the app is not ready for more
        left = self._body_at + self._limits.body_idle_seconds - now
        if left > 0:
            self._arm(left)
            return
        self._connections.log("request_timed_out", "body")
        self._refuse(RequestTimeoutError())

    def _refuse(self, error: EchoError) -> None:
        """Respond with an error in place of the app, then close."""
        self._refused = True
        self._disarm()
        self._unset_keepalive_if_required()
        if self.cycle is not None and not self.cycle.response_complete:
            answered = self.cycle.response_started or bool(self.pipeline)
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if answered:
                self.abort()  # an error cannot be sent in the middle of a response
                return
        if not self._connections.linger(self):
            self.transport.abort()
            return
        self.transport.write(_rendered(error, encrypted=self.scheme == "https"))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._timer = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _discard(self, size: int) -> None:
        """Drain part of the body: a client that is still sending when the connection closes never reads the error response."""
        self._unwanted_bytes += size
        if self._unwanted_bytes > _LINGER_BYTES:
            self.abort()


def _rendered(error: EchoError, *, encrypted: bool) -> bytes:
    headers, body = render_refusal(error, encrypted=encrypted)
    lines = [name + b": " + value + b"\r\n" for name, value in headers]
    return b"".join([STATUS_LINE[error.status], *lines, b"\r\n", body])
