"""Tests of the protocol of one connection, over a transport that the test controls."""

import asyncio
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from echo_common.http.connections import ConnectionLimits, Connections
from echo_common.http.protocol import LimitedProtocol
from tests.support.eventually import eventually

GET = b"GET / HTTP/1.1\r\nHost: echo\r\n\r\n"


class ControlledTransport(asyncio.Transport):
    """A transport whose client reads on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.unsent = 0
        self.aborted = False
        self.written: list[bytes] = []

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def write(self, data: Any) -> None:
        self.written.append(data)

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self.aborted

    def close(self) -> None: ...

    def abort(self) -> None:
        self.aborted = True


class App:
    """An app that responds to the first request at once and to the second when `may_answer` is set."""

    def __init__(self) -> None:
        self.served = 0
        self.may_answer = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.served += 1
        if self.served == 2:
            await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def connect(connections: Connections, app: App, state: ServerState) -> tuple[LimitedProtocol, ControlledTransport]:
    config = uvicorn.Config(app, lifespan="off", log_config=None)
    config.load()
    protocol = LimitedProtocol(connections, config=config, server_state=state, app_state={})
    transport = ControlledTransport()
    protocol.connection_made(transport)
    return protocol, transport


async def test_late_reads_do_not_close_the_next_response() -> None:
    connections, app, state = Connections(ConnectionLimits(connections=1, unread_seconds_when_full=0)), App(), ServerState()
    protocol, transport = connect(connections, app, state)
    transport.unsent = 10
    protocol.data_received(GET)
    await eventually(lambda: state.total_requests == 1 and not state.tasks)
    transport.unsent = 0  # the client has read the first response and asks for another
    protocol.data_received(GET)
    await eventually(lambda: app.served == 2)
    transport.unsent = 10
    _, refused = connect(connections, app, state)
    assert not transport.aborted
    assert not refused.aborted  # it stays until its client has read why
    assert len(connections) == 1
    app.may_answer.set()
    await eventually(lambda: not state.tasks)
    protocol.connection_lost(None)
    connections.close()


async def test_unread_responses_are_closed_to_make_room() -> None:
    connections, app, state = Connections(ConnectionLimits(connections=1, unread_seconds_when_full=0)), App(), ServerState()
    protocol, transport = connect(connections, app, state)
    transport.unsent = 10
    protocol.data_received(GET)
    await eventually(lambda: state.total_requests == 1 and not state.tasks)
    _, next_one = connect(connections, app, state)
    assert transport.aborted
    assert not next_one.aborted
    connections.close()


async def test_long_and_invalid_bodies_are_refused_once() -> None:
    connections = Connections(ConnectionLimits())
    protocol, transport = connect(connections, App(), ServerState())
    protocol.data_received(b"POST / HTTP/1.1\r\nHost: echo\r\nTransfer-Encoding: chunked\r\n\r\n4;x=")
    protocol.data_received(b"a" * 40_000)
    protocol.data_received(b"a" * 40_000 + b"\rX")
    assert [response.partition(b"\r\n")[0] for response in transport.written] == [b"HTTP/1.1 400 Bad Request"]
    protocol.connection_lost(None)
    connections.close()
