"""A connection that comes back."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from yarl import URL

from echo_common.bus.port import BusUnavailableError

HEARTBEAT = 10
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
CONNECTING = 5.0
"""Seconds that one try may take."""

log = structlog.get_logger(__name__)


class Link:
    """A connection that comes back. `build` sets up what is needed on a fresh one; whatever goes wrong later, `drop` starts over."""

    def __init__(self, url: str, name: str, build: Callable[[AbstractConnection], Awaitable[None]]) -> None:
        self.up = asyncio.Event()
        self.connections = 0
        self.since = 0.0
        self.connection: AbstractConnection | None = None
        self._url = URL(url).update_query(heartbeat=HEARTBEAT)
        self._name = name
        self._build = build
        self._lost = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def drop(self, *_: object) -> None:
        """Hang up and start over; a callback of whatever notices that something is wrong."""
        self.up.clear()
        self._lost.set()

    async def ready(self, timeout: float) -> None:
        """Return once the connection is up; raises `BusUnavailableError` after `timeout` (s)."""
        try:
            await asyncio.wait_for(self.up.wait(), timeout)
        except TimeoutError:
            raise BusUnavailableError from None

    async def close(self) -> None:
        """Hang up for good."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            self._lost.clear()
            try:
                async with asyncio.timeout(CONNECTING):
                    self.connection = await aio_pika.connect(self._url, client_properties={"connection_name": self._name})
                self.connection.close_callbacks.add(self.drop)
                await self._build(self.connection)
                if not self._lost.is_set():
                    self.connections += 1
                    self.since = asyncio.get_running_loop().time()
                    self.up.set()
                    pause = FIRST_PAUSE
                    log.info("broker_connected", connection=self._name)
                await self._lost.wait()
                log.warning("broker_connection_lost", connection=self._name)
            except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
                log.warning("broker_not_reachable", connection=self._name, error=repr(error))
            finally:
                self.up.clear()
                await self._hang_up()
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _hang_up(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
                await asyncio.wait_for(connection.close(), 2)
