"""Password hashes: argon2id (RFC 9106), made in threads so that the event loop never waits."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from echo_common.errors import ServiceUnavailableError

T = TypeVar("T")

_AT_ONCE = 2
_WAITING = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the password was right; `rehashed` when it was and its hash is to be replaced."""

    right: bool
    rehashed: str | None = None


class Passwords:
    """Makes and checks hashes, a few at a time; raises `ServiceUnavailableError` when too many wait."""

    def __init__(self, hasher: PasswordHasher, threads: ThreadPoolExecutor, decoy: str) -> None:
        self._hasher = hasher
        self._threads = threads
        self._decoy = decoy
        self._waiting = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, *, rounds: int, memory_kib: int) -> AsyncIterator["Passwords"]:
        """With these argon2 costs for new hashes; older ones are replaced as they are checked."""
        hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="argon2") as threads:
            decoy = await asyncio.get_running_loop().run_in_executor(threads, hasher.hash, "nobody")
            yield cls(hasher, threads, decoy)

    async def hash(self, password: str) -> str:
        """A hash that holds its own salt and parameters."""
        return await self._in_thread(lambda: self._hasher.hash(_normal(password)))

    async def check(self, password: str, against: str | None) -> Verdict:
        """Compare with a hash. With None the answer is no, after the time that a comparison takes."""
        return await self._in_thread(lambda: self._check(_normal(password), against))

    def _check(self, password: str, against: str | None) -> Verdict:
        try:
            self._hasher.verify(against or self._decoy, password)
        except (VerificationError, InvalidHashError):
            return Verdict(right=False)
        if against is None:
            return Verdict(right=False)
        stale = self._hasher.check_needs_rehash(against)
        return Verdict(right=True, rehashed=self._hasher.hash(password) if stale else None)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= _WAITING:
            raise ServiceUnavailableError("Too many people log in at once; try again shortly.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _normal(password: str) -> str:
    # the same characters typed on another keyboard may come in another Unicode form (NIST SP 800-63B)
    return unicodedata.normalize("NFKC", password)
