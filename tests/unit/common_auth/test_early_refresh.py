"""Tests of refreshes before the next poll, for tokens whose key is unknown."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from echo_common.errors import ServiceUnavailableError
from echo_common.http import token_trust
from echo_common.http.client import ServiceClient
from echo_common.http.token_trust import TokenTrust
from tests.support.eventually import eventually
from tests.support.issuer import Issuer


class HangingAuth:
    """A client of an auth service that responds, or fails, only when the test releases it."""

    def __init__(self) -> None:
        self.asked = 0
        self.reachable = False
        self.released = asyncio.Event()

    async def fetch(self, *_: Any, **__: Any) -> Any:
        self.asked += 1
        await self.released.wait()
        if not self.reachable:
            raise ServiceUnavailableError
        keys = {"keys": [Issuer.new_key().as_dict(private=False)]}
        data = {"keys": keys, "revoked_sessions": [], "token_versions": {}, "system_settings": {}}
        return SimpleNamespace(status=200, data=data, headers={})


@pytest.fixture
def auth() -> HangingAuth:
    return HangingAuth()


@pytest.fixture
def trust(auth: HangingAuth) -> TokenTrust:
    return TokenTrust(cast("ServiceClient", auth))


async def waiting(trust: TokenTrust, calls: int) -> Sequence[asyncio.Task[None]]:
    """Start calls, and return them when they all wait."""
    tasks = [asyncio.create_task(trust.refresh_early()) for _ in range(calls)]
    for _ in range(3):  # a task starts with the next iteration of the loop, and so does one that it starts
        await asyncio.sleep(0)
    return tasks


async def test_concurrent_calls_share_a_failed_attempt(
    auth: HangingAuth, trust: TokenTrust, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_trust, "_EARLY_REFRESH_SECONDS", 0.0)  # as when the attempt took longer
    calls = await waiting(trust, 12)
    auth.released.set()
    await asyncio.gather(*calls)
    assert (auth.asked, trust.known) == (1, False)
    await trust.refresh_early()
    assert auth.asked == 2


async def test_calls_share_the_failure_of_a_poll_that_is_running(auth: HangingAuth, trust: TokenTrust) -> None:
    poll = asyncio.create_task(trust.refresh())
    await eventually(lambda: auth.asked == 1)
    calls = await waiting(trust, 12)
    auth.released.set()
    await asyncio.gather(*calls)
    assert auth.asked == 1
    with pytest.raises(ServiceUnavailableError):
        await poll


async def test_a_cancelled_call_leaves_the_attempt_to_the_others(auth: HangingAuth, trust: TokenTrust) -> None:
    first, second = await waiting(trust, 2)
    first.cancel()
    auth.reachable = True
    auth.released.set()
    await second
    assert (first.cancelled(), trust.known, auth.asked) == (True, True, 1)


async def test_an_attempt_ends_with_the_polls(auth: HangingAuth) -> None:
    async with TokenTrust.following(cast("ServiceClient", auth), every=3600) as trust:
        [call] = await waiting(trust, 1)
    await asyncio.wait({call}, timeout=10)
    assert call.cancelled()
