"""Tests of rate limits."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.system_settings import (
    ANONYMOUS_REQUESTS,
    CREDENTIAL_REQUESTS,
    REQUESTS_PER_MINUTE,
    SystemSetting,
)
from echo_common.contracts.values import Plan, Role
from echo_common.live_settings import LiveSettings
from echo_common.replaced_settings import warn_of_replaced_settings
from echo_common.store.port import Store, StoreUnavailableError
from echo_gateway.contract import load_contracts, proxy_endpoints
from echo_gateway.rate_limit import RateLimiter
from echo_gateway.settings import REPLACED, GatewaySettings
from echo_gateway.window_storage import WindowStorage, saved_windows
from tests.support.eventually import eventually

ADA = Principal("usr_ada", "ses_1", Plan.USER, Role.USER, frozenset(Scope))


def rate_limiter_with(limits: Mapping[SystemSetting[int], int], **settings: Any) -> RateLimiter:
    live_settings = LiveSettings({setting.key: limit for setting, limit in limits.items()})
    return RateLimiter(GatewaySettings(**settings), live_settings, proxy_endpoints(load_contracts()))


async def left(
    rate_limiter: RateLimiter,
    path: str = "/api/v1/voices",
    principal: Principal | None = None,
    address: str = "192.0.2.1",
    method: str = "POST",
) -> int:
    quota = await rate_limiter.count(method, path, principal, address)
    assert quota is not None
    return quota.remaining


async def test_a_new_window_starts_after_the_last_has_ended() -> None:
    windows = WindowStorage()
    assert [await windows.incr("a", 60), await windows.incr("a", 60), await windows.get("a")] == [1, 2, 2]
    await windows.incr("b", -1)
    assert await windows.get("b") == 0
    assert await windows.incr("b", 60) == 1


async def test_ipv6_addresses_of_a_network_count_together() -> None:
    rate_limiter = rate_limiter_with({ANONYMOUS_REQUESTS: 5})
    assert await left(rate_limiter, address="2001:db8:1:2::1") == 4
    assert await left(rate_limiter, address="2001:db8:1:2:ffff::2") == 3
    assert await left(rate_limiter, address="2001:db8:1:3::1") == 4


async def test_requests_with_credentials_are_counted_separately() -> None:
    rate_limiter = rate_limiter_with({ANONYMOUS_REQUESTS: 5, CREDENTIAL_REQUESTS: 9, REQUESTS_PER_MINUTE[Plan.USER]: 7})
    assert await left(rate_limiter) == 4
    assert await left(rate_limiter, path="/api/v1/auth/login") == 8
    assert await left(rate_limiter, path="/api/v1/auth/password/reset") == 7
    assert await left(rate_limiter, path="/api/v1/auth/passkeys/login") == 6
    assert await left(rate_limiter, path="/api/v1/auth/login", principal=ADA) == 5
    assert await left(rate_limiter, path="/api/users/Ada Lovelace") == 4


async def test_other_methods_of_a_path_with_credentials_are_counted_with_the_user() -> None:
    rate_limiter = rate_limiter_with({CREDENTIAL_REQUESTS: 3, REQUESTS_PER_MINUTE[Plan.USER]: 7})
    assert await left(rate_limiter, "/api/v1/users/me", ADA, method="DELETE") == 2
    assert await left(rate_limiter, "/api/v1/users/me", ADA, method="GET") == 6


async def test_a_disabled_limit_has_no_quota() -> None:
    assert await rate_limiter_with({REQUESTS_PER_MINUTE[Plan.USER]: 0}).count("GET", "/", ADA, "192.0.2.1") is None


async def test_an_unavailable_counter_admits_requests() -> None:
    rate_limiter = rate_limiter_with(
        {REQUESTS_PER_MINUTE[Plan.USER]: 2}, limit_store=SecretStr("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100")
    )
    assert [await left(rate_limiter, principal=ADA) for _ in range(4)] == [2, 2, 2, 2]
    await rate_limiter.close()


async def test_counts_survive_the_end_of_the_process(store: Store) -> None:
    collection = store.collection("rate_limits")
    first, second, third = WindowStorage(), WindowStorage(), WindowStorage()
    async with saved_windows(first, collection):
        await first.incr("user/usr_ada", 60, 3)
        await first.incr("user/usr_eve", -1)
    async with saved_windows(second, collection, every=0.01):
        assert (await second.get("user/usr_ada"), await second.get("user/usr_eve")) == (3, 0)
        assert await second.get_expiry("user/usr_ada") == await first.get_expiry("user/usr_ada")
        await second.incr("user/usr_ada", 60)

        async def saved() -> bool:
            document = await collection.find_one({"_id": "windows"})
            return document is not None and document["windows"][0][1] == 4

        await eventually(saved)  # without an orderly stop
        async with saved_windows(third, collection):
            assert await third.get("user/usr_ada") == 4


async def test_counts_whose_save_failed_are_saved_in_the_next_round(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    collection, windows = store.collection("rate_limits"), WindowStorage()
    upsert, outages = collection.upsert, [StoreUnavailableError()]

    async def fail_once(*values: Any) -> None:
        if outages:
            raise outages.pop()
        await upsert(*values)

    async def saved() -> bool:
        return await collection.find_one({"_id": "windows"}) is not None

    monkeypatch.setattr(collection, "upsert", fail_once)
    await windows.incr("user/usr_ada", 60)
    with capture_logs() as logs:
        async with saved_windows(windows, collection, every=0.01):
            await eventually(saved)
    assert [entry["event"] for entry in logs] == ["rate_limits_save_interrupted"]


async def test_a_failed_save_at_the_end_is_logged(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = store.collection("rate_limits")

    async def fail(*_: object) -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(collection, "upsert", fail)
    with capture_logs() as logs:
        async with saved_windows(WindowStorage(), collection):
            pass
    assert [entry["event"] for entry in logs] == ["rate_limits_save_interrupted"]


def test_replaced_settings_are_named_with_their_successor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_GATEWAY_LIMIT_USER", "7")
    with capture_logs() as logs:
        warn_of_replaced_settings(REPLACED)
    (warning,) = logs
    assert (warning["event"], warning["setting"]) == ("setting_ignored", "ECHO_GATEWAY_LIMIT_USER")
    assert "limits.user.requests_per_minute" in warning["use"]
