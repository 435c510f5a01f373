"""Password hashing with argon2id (RFC 9106), in threads so that it does not block the event loop."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from echo_auth.domain.passwords import check_strength
from echo_common.errors import ServiceUnavailableError

T = TypeVar("T")

_AT_ONCE = 2
_WAITING = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a password check; `rehashed` is the new hash if a right password's hash must be replaced."""

    right: bool
    rehashed: str | None = None


class Passwords:
    """A password hasher with limited concurrency. Raises `ServiceUnavailableError` when too many requests wait."""

    def __init__(self, hasher: PasswordHasher, threads: ThreadPoolExecutor, decoy: str) -> None:
        self._hasher = hasher
        self._threads = threads
        self._decoy = decoy
        self._waiting = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, *, rounds: int, memory_kib: int) -> AsyncIterator["Passwords"]:
        """Open with these argon2 costs for new hashes; a check replaces hashes with other costs."""
        hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="argon2") as threads:
            decoy = await asyncio.get_running_loop().run_in_executor(threads, hasher.hash, "nobody")
            yield cls(hasher, threads, decoy)

    async def hash(self, password: str) -> str:
        """Hash a password; the hash contains its salt and parameters."""
        return await self._in_thread(lambda: self._hasher.hash(_normal(password)))

    async def hash_new(self, password: str, terms: Iterable[str]) -> str:
        """Hash a new password, which must be hard to guess and not similar to `terms`. Raises `WeakPasswordError`."""

        def check_and_hash() -> str:
            check_strength(_normal(password), terms)
            return self._hasher.hash(_normal(password))

        return await self._in_thread(check_and_hash)

    async def check(self, password: str, against: str | None) -> Verdict:
        """Compare a password with a hash. None never matches, but takes as long as a comparison."""
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
            raise ServiceUnavailableError("Too many concurrent logins; try again shortly.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _normal(password: str) -> str:
    # keyboards may send the same characters in different Unicode forms (NIST SP 800-63B)
    return unicodedata.normalize("NFKC", password)
