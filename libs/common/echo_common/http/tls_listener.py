"""Acceptance of TLS connections: one counts from its first packet, and its handshake has a time limit."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from echo_common.background_tasks import BackgroundTasks
from echo_common.http.connections import Connections
from echo_common.http.protocol import LimitedProtocol

BACKLOG = 2048
_PAUSE_SECONDS = 0.1


class Handshake:
    """A connection during its TLS handshake, as the register sees it."""

    between_requests = True  # its place is given to others when all are taken
    unsent_bytes = 0

    def __init__(self, address: str) -> None:
        self.address: str | None = address
        self.task: asyncio.Task[None] | None = None
        self.begun = False

    def abort(self) -> None:
        """Close the connection at once."""
        if self.task is not None:
            self.task.cancel()


class TlsListener:
    """A listening socket whose connections begin with a TLS handshake.

    asyncio's own TLS server creates a connection's protocol after the handshake: clients that never complete one would not count.
    """

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext,
        connections: Connections,
        make_protocol: Callable[[], LimitedProtocol],
    ) -> None:
        self._listening = listening
        self._context = context
        self._connections = connections
        self._make_protocol = make_protocol
        self._handshakes = BackgroundTasks()
        listening.setblocking(False)
        listening.listen(BACKLOG)

    async def accept(self) -> None:
        """Accept connections until cancelled; then abort handshakes and close the socket."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    accepted, peer = await loop.sock_accept(self._listening)
                except OSError:  # for example too many open files
                    self._connections.log("connection_refused", "system")
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                self._begin(accepted, Handshake(peer[0]))
        finally:
            self._listening.close()
            await self._handshakes.close()

    def _begin(self, accepted: socket.socket, handshake: Handshake) -> None:
        if self._connections.admit(handshake) is not None:
            accepted.close()  # a response needs the handshake that is refused
            return
        handshake.task = task = self._handshakes.start(self._shake_hands(accepted, handshake))
        task.add_done_callback(partial(self._end, accepted, handshake))

    async def _shake_hands(self, accepted: socket.socket, handshake: Handshake) -> None:
        """Hand the connection over to its protocol, which takes the place of the handshake in the register."""

        def protocol() -> LimitedProtocol:
            made = self._make_protocol()
            made.handshake = handshake
            return made

        handshake.begun = True
        seconds = self._connections.limits.tls_seconds
        with suppress(OSError):  # the client has ended it, does not speak TLS, or was too slow
            await asyncio.get_running_loop().connect_accepted_socket(
                protocol, accepted, ssl=self._context, ssl_handshake_timeout=seconds
            )

    def _end(self, accepted: socket.socket, handshake: Handshake, _: asyncio.Task[None]) -> None:
        self._connections.leave(handshake)
        if not handshake.begun:  # cancelled before its transport owned the socket
            accepted.close()
