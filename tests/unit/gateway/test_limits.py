"""Tests of rate limits."""

from pydantic import SecretStr

from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.values import Plan, Role
from echo_gateway.limits import Limits, Windows
from echo_gateway.settings import GatewaySettings

ADA = Principal("usr_ada", "ses_1", Plan.USER, Role.USER, frozenset(Scope))


async def left(
    limits: Limits, path: str = "/api/v1/voices", principal: Principal | None = None, address: str = "192.0.2.1"
) -> int:
    quota = await limits.take(path, principal, address)
    assert quota is not None
    return quota.remaining


async def test_a_new_window_starts_after_the_last_has_ended() -> None:
    windows = Windows()
    assert [await windows.incr("a", 60), await windows.incr("a", 60), await windows.get("a")] == [1, 2, 2]
    await windows.incr("b", -1)
    assert await windows.get("b") == 0
    assert await windows.incr("b", 60) == 1


async def test_ipv6_addresses_of_a_network_count_together() -> None:
    limits = Limits(GatewaySettings(limit_anonymous=5))
    assert await left(limits, address="2001:db8:1:2::1") == 4
    assert await left(limits, address="2001:db8:1:2:ffff::2") == 3
    assert await left(limits, address="2001:db8:1:3::1") == 4


async def test_logins_are_counted_separately() -> None:
    limits = Limits(GatewaySettings(limit_anonymous=5, limit_credentials=3))
    assert await left(limits) == 4
    assert await left(limits, path="/api/v1/auth/login") == 2
    assert await left(limits, path="/api/v1/auth/login", principal=ADA) == 1


async def test_a_disabled_limit_has_no_quota() -> None:
    assert await Limits(GatewaySettings(limit_user=0)).take("/", ADA, "192.0.2.1") is None


async def test_an_unavailable_counter_admits_requests() -> None:
    limits = Limits(GatewaySettings(limit_user=2, limit_store=SecretStr("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100")))
    assert [await left(limits, principal=ADA) for _ in range(4)] == [2, 2, 2, 2]
    await limits.close()
