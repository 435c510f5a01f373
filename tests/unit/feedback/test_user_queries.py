"""Queries for addresses are limited for each user."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from echo_common.errors import RateLimitedError
from echo_feedback.outbound.user_queries import UserQueries
from tests.support.eventually import eventually


class HeldResolver:
    """A resolver that answers once it is released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.running = 0

    async def resolve(self, host: str) -> Sequence[str]:
        self.running += 1
        try:
            await self.released.wait()
        finally:
            self.running -= 1
        if host == "unknown":
            raise OSError
        return ["192.0.2.1"]


async def ask_briefly(queries: UserQueries, user_id: str = "usr_ada") -> None:
    """Ask, and leave before the answer."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await queries.resolve("silent", user_id)


async def test_queries_without_a_waiting_request_count_until_they_end() -> None:
    resolver = HeldResolver()
    async with UserQueries.open(resolver, slots=2, slot_seconds=0) as queries:
        for _ in range(2):
            await ask_briefly(queries)
        with pytest.raises(RateLimitedError):
            await queries.resolve("silent", "usr_ada")
        await ask_briefly(queries, "usr_eve")
        assert resolver.running == 3
        resolver.released.set()

        async def free() -> bool:
            with suppress(RateLimitedError):
                return await queries.resolve("known", "usr_ada") == ["192.0.2.1"]
            return False

        await eventually(free)


async def test_an_unknown_name_has_no_address() -> None:
    resolver = HeldResolver()
    resolver.released.set()
    async with UserQueries.open(resolver) as queries:
        assert await queries.resolve("unknown", "usr_ada") == ()


async def test_a_slot_stays_taken_for_its_time() -> None:
    resolver = HeldResolver()
    resolver.released.set()
    async with UserQueries.open(resolver, slots=1, slot_seconds=3600) as queries:
        await queries.resolve("known", "usr_ada")
        with pytest.raises(RateLimitedError) as refused:
            await queries.resolve("known", "usr_ada")
        await queries.resolve("known", "usr_eve")
    assert refused.value.retry_after == 3600


async def test_the_end_cancels_queries() -> None:
    resolver = HeldResolver()
    async with UserQueries.open(resolver) as queries:
        await ask_briefly(queries)
    assert resolver.running == 0


async def test_an_unexpected_error_is_left_to_the_request() -> None:
    class BrokenResolver:
        async def resolve(self, host: str) -> Sequence[str]:
            raise ValueError(host)

    with capture_logs() as logs:
        async with UserQueries.open(BrokenResolver()) as queries:
            with pytest.raises(ValueError, match="known"):
                await queries.resolve("known", "usr_ada")
            await asyncio.sleep(0)
    assert logs == []
