"""Forced termination of the driver's sockets and tasks."""

import asyncio
from typing import Any

from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from yarl import URL

_CANCELLATIONS = 5
_PAUSE = 0.2


class Transport(TransportFactory):
    """The sockets of one connection, kept so that they can be closed without the broker's cooperation."""

    def __init__(self, url: URL) -> None:
        self._factory = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        self._writers: list[asyncio.StreamWriter] = []

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:  # noqa: D102
        reader, writer = await self._factory.create(url, **kwargs)
        self._writers.append(writer)
        return reader, writer

    def abort(self) -> None:
        """Close the sockets at once. The driver's tasks then read the end of the stream and finish."""
        for writer in self._writers:
            writer.transport.abort()


async def end_task(task: "asyncio.Task[Any]") -> None:
    """Cancel a task repeatedly until it has ended; ignore its result or error.

    One cancellation is not enough: the driver swallows one that coincides with the loss of the connection.
    """
    for _ in range(_CANCELLATIONS):
        if task.done():
            break
        task.cancel()
        await asyncio.wait({task}, timeout=_PAUSE)
    if task.done() and not task.cancelled():
        task.exception()  # marks the exception as retrieved
