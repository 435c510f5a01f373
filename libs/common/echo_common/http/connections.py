"""Limits of one server's connections: their number, and the time a response may stay unread."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

import structlog

from echo_common.errors import TooManyConnectionsError
from echo_common.http.addresses import Network, is_within, network_of

_LOG_SECONDS = 10.0
_MOST_LINGERING = 100


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of one server's connections. Times are in seconds; a count of 0 disables that limit.

    `header_seconds` is for a whole request header, `body_idle_seconds` for the next bytes of a body, `handshake_seconds` for
    the app's response to a WebSocket handshake, `tls_seconds` for a TLS handshake. A connection whose client does not read its response
    is closed after `unread_seconds`, after `unread_seconds_when_full` when its place is needed, or after `unread_seconds_when_stopping`.
    Connections from `trusted` proxies are not counted by address.
    """

    header_bytes: int = 64 * 1024
    header_seconds: float = 10.0
    body_idle_seconds: float = 30.0
    handshake_seconds: float = 30.0
    tls_seconds: float = 10.0
    connections: int = 10_000
    per_address: int = 0
    unread_seconds: float = 600.0
    unread_seconds_when_full: float = 30.0
    unread_seconds_when_stopping: float = 1.0
    trusted: tuple[Network, ...] = ()


class Connection(Protocol):
    """A connection, as the register sees it."""

    @property
    def address(self) -> str | None:
        """The peer's address; None on a Unix socket."""

    @property
    def between_requests(self) -> bool:
        """True while no request is being served."""

    @property
    def unsent_bytes(self) -> int:
        """Size of the unsent part of a response in bytes."""

    def abort(self) -> None:
        """Close the connection at once; unsent data is lost."""


class Connections:
    """Register of one server's open connections."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._open: dict[Connection, str | None] = {}
        self._per_address: Counter[str] = Counter()
        self._unread: dict[Connection, float] = {}
        self._unread_seconds = limits.unread_seconds
        self._lingering: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._unlogged: Counter[str] = Counter()
        self._logged_at: dict[str, float] = {}
        self._log = structlog.get_logger("echo.http")

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: Connection) -> TooManyConnectionsError | None:
        """Register a connection, or return the error it is rejected with."""
        limits = self.limits
        address = self._counted_address(connection)
        if address is not None and self._per_address[address] >= limits.per_address:
            self.log("connection_refused", "address")
            return TooManyConnectionsError("Too many connections from this address; close some.", retry_after=5)
        if limits.connections and len(self._open) >= limits.connections and not self._make_room():
            self.log("connection_refused", "total")
            return TooManyConnectionsError(retry_after=5)
        self._open[connection] = address
        if address is not None:
            self._per_address[address] += 1
        return None

    def leave(self, connection: Connection) -> None:
        """Take a connection out of the register."""
        self._unread.pop(connection, None)
        self._lingering.discard(connection)
        address = self._open.pop(connection, None)
        if address is not None:
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]

    def linger(self, connection: Connection) -> bool:
        """Return whether a rejected connection may stay open until its client has read the error."""
        if len(self._lingering) >= _MOST_LINGERING and connection not in self._lingering:
            return False
        self._lingering.add(connection)
        return True

    def unread(self, connection: Connection) -> None:
        """Record that a connection's client has stopped reading."""
        if connection not in self._unread:
            self._unread[connection] = asyncio.get_running_loop().time()
            if self._sweep is None:
                self._schedule(self._unread_seconds)

    def read(self, connection: Connection) -> None:
        """Record that a connection's client reads again."""
        self._unread.pop(connection, None)

    def log(self, event: str, reason: str) -> None:
        """Log a connection event, at most every ten seconds for each reason."""
        now, key = asyncio.get_running_loop().time(), f"{event} {reason}"
        self._unlogged[key] += 1
        if now - self._logged_at.get(key, -_LOG_SECONDS) >= _LOG_SECONDS:
            self._logged_at[key] = now
            self._log.warning(event, reason=reason, count=self._unlogged.pop(key))

    def stop(self) -> None:
        """Close connections sooner from now on if their clients do not read: the server is stopping."""
        self._unread_seconds = self.limits.unread_seconds_when_stopping
        self.close()
        self._sweep_unread()

    def close(self) -> None:
        """Stop the watcher."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _counted_address(self, connection: Connection) -> str | None:
        address = connection.address
        if not self.limits.per_address or address is None or is_within(address, self.limits.trusted):
            return None
        return network_of(address)

    def _make_room(self) -> bool:
        """Close the connection unread for longest, else one that is idle. Return False when all are in use."""
        now = asyncio.get_running_loop().time()
        for connection, since in self._unread.items():
            if now - since < self.limits.unread_seconds_when_full:
                break
            if connection.unsent_bytes:
                return self._close(connection, "unread")
        for connection in self._open:
            if connection.between_requests and connection not in self._unread:
                return self._close(connection, "idle")
        return False

    def _close(self, connection: Connection, reason: str) -> bool:
        self.log("connection_closed", reason)
        self.leave(connection)
        connection.abort()
        return True

    def _schedule(self, seconds: float) -> None:
        self._sweep = asyncio.get_running_loop().call_later(seconds, self._sweep_unread)

    def _sweep_unread(self) -> None:
        self._sweep = None
        now = asyncio.get_running_loop().time()
        for connection, since in list(self._unread.items()):
            left = since + self._unread_seconds - now
            if left > 0:
                self._schedule(left)
                return
            if connection.unsent_bytes:
                self._close(connection, "unread")
            else:
                self._unread.pop(connection, None)
