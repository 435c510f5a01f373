"""Self-healing RabbitMQ connection."""

import asyncio
from collections.abc import Awaitable, Callable

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from yarl import URL

from echo_common.background_tasks import report_failure
from echo_common.backoff import Backoff
from echo_common.bus.port import BusUnavailableError
from echo_common.bus.rabbitmq.transport import Transport, end_task

HEARTBEAT = 10
_BACKOFF = Backoff(0.1, 3.0)
CONNECTING = 5.0
"""Timeout of one connection attempt in seconds."""
DISCONNECT_SECONDS = 2.0
"""Seconds to wait for the broker to confirm the end of a connection."""
CLOSE_SECONDS = 3 * DISCONNECT_SECONDS
"""Timeout of `close` in seconds."""

log = structlog.get_logger(__name__)


class ReconnectingConnection:
    """A connection that reconnects automatically. `build` sets up a fresh connection; `drop` starts over after a later failure.

    The driver replaces a cancellation by an error of its own when the connection is lost at the same moment, and cancels its
    awaiters although their tasks were not cancelled. Therefore each attempt is a task of its own that is watched from here, and
    an event, never a cancellation, stops this one.
    """

    def __init__(self, url: str, name: str, build: Callable[[AbstractConnection], Awaitable[None]]) -> None:
        self.up = asyncio.Event()
        self.connections = 0
        self.since = 0.0
        self.connection: AbstractConnection | None = None
        self._url = URL(url).update_query(heartbeat=HEARTBEAT)
        self._name = name
        self._build = build
        self._lost = asyncio.Event()
        self._closing = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=name)

    def drop(self, *_: object) -> None:
        """Disconnect and start over; also a callback for errors on the connection."""
        self.up.clear()
        self._lost.set()

    async def ready(self, timeout: float) -> None:
        """Wait until the connection is up. Raises `BusUnavailableError` after `timeout` (s)."""
        try:
            async with asyncio.timeout(timeout):
                await self.up.wait()
        except TimeoutError:
            raise BusUnavailableError from None

    async def close(self) -> None:
        """Disconnect for good, within `CLOSE_SECONDS` seconds even if the broker and the driver do not respond."""
        self._closing.set()
        self.drop()
        await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)
        if not self._task.done():
            log.error("broker_connection_close_timed_out", connection=self._name)
            await end_task(self._task)

    async def _run(self) -> None:
        attempt = 0
        while not self._closing.is_set():
            self._lost.clear()
            attempt = 1 if await self._live() else attempt + 1
            if await self._closes_within(_BACKOFF.delay(attempt)):
                return

    async def _closes_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return False
        return True

    async def _live(self) -> bool:
        """Set up a connection and wait until it is lost; return whether it ever was up."""
        transport = Transport(self._url)
        connection = aio_pika.Connection(self._url, client_properties={"connection_name": self._name})
        connection.kwargs["transport_factory"] = transport  # passed on to the underlying driver
        setting_up = asyncio.create_task(self._set_up(connection))
        lost = asyncio.create_task(self._lost.wait())
        try:
            await asyncio.wait({setting_up, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not self._succeeded(setting_up):
                return False
            await lost
            if not self._closing.is_set():
                log.warning("broker_connection_lost", connection=self._name)
            return True
        finally:
            self.up.clear()
            self.connection = None
            await end_task(lost)
            await end_task(setting_up)
            await self._disconnect(connection, transport)

    async def _set_up(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(CONNECTING):
            await connection.connect()
        connection.close_callbacks.add(self.drop)
        self.connection = connection
        await self._build(connection)

    def _succeeded(self, setting_up: "asyncio.Task[None]") -> bool:
        """Return whether the connection is up, and announce it if so."""
        if self._lost.is_set() or not setting_up.done():
            return False
        if setting_up.cancelled():  # by the driver, whose connection has been lost
            log.warning("broker_unreachable", connection=self._name, error="cancelled")
            return False
        if (error := setting_up.exception()) is not None:
            if isinstance(error, Exception) and not isinstance(error, (*CONNECTION_EXCEPTIONS, TimeoutError)):
                report_failure(log, "broker_connection", error)  # the next attempt may succeed
            else:
                log.warning("broker_unreachable", connection=self._name, error=repr(error))
            return False
        self.connections += 1
        self.since = asyncio.get_running_loop().time()
        self.up.set()
        log.info("broker_connected", connection=self._name)
        return True

    async def _disconnect(self, connection: AbstractConnection, transport: Transport) -> None:
        closing = asyncio.create_task(_close_connection(connection))
        try:
            await asyncio.wait({closing}, timeout=DISCONNECT_SECONDS)
        finally:
            transport.abort()
            await end_task(closing)
            if not connection.is_closed:
                # it has no transport left; unless marked as closed, the driver would close it when it is collected
                await _close_connection(connection)


async def _close_connection(connection: AbstractConnection) -> None:
    try:
        await connection.close()
    except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
        log.debug("broker_disconnect_failed", error=repr(error))
