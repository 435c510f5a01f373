"""Resolution of host names."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, Protocol

DELIVERY_THREADS: Final = 256
REGISTRATION_THREADS: Final = 32
"""Concurrent queries, of deliveries and of checks of new URLs.

The threads are their own, so that slow name servers hold up nothing else. A query that nobody waits for any more occupies its
thread until the limit of the operating system, so deliveries have more threads than slots.
"""


class Resolver(Protocol):
    """A resolver of host names."""

    async def resolve(self, host: str) -> Sequence[str]:
        """Return the addresses of a host, in the order of preference; at least one. Raises `OSError`."""


class SystemResolver:
    """The resolver of the operating system."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads

    @classmethod
    @asynccontextmanager
    async def open(cls, number: int = DELIVERY_THREADS) -> AsyncIterator["SystemResolver"]:
        """Open a resolver with this number of threads while the context lasts; on exit, queries that run end without a result."""
        threads = ThreadPoolExecutor(number, thread_name_prefix="resolver")
        try:
            yield cls(threads)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    async def resolve(self, host: str) -> Sequence[str]:
        """Return the addresses of a host. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _look_up, host)


def _look_up(host: str) -> Sequence[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
