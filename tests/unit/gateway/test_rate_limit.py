"""Tests of rate limits."""

from pydantic import SecretStr

from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.values import Plan, Role
from echo_gateway.rate_limit import RateLimiter, WindowStorage
from echo_gateway.settings import GatewaySettings

ADA = Principal("usr_ada", "ses_1", Plan.USER, Role.USER, frozenset(Scope))


async def left(
    rate_limiter: RateLimiter, path: str = "/api/v1/voices", principal: Principal | None = None, address: str = "192.0.2.1"
) -> int:
    quota = await rate_limiter.count(path, principal, address)
    assert quota is not None
    return quota.remaining


async def test_a_new_window_starts_after_the_last_has_ended() -> None:
    windows = WindowStorage()
    assert [await windows.incr("a", 60), await windows.incr("a", 60), await windows.get("a")] == [1, 2, 2]
    await windows.incr("b", -1)
    assert await windows.get("b") == 0
    assert await windows.incr("b", 60) == 1


async def test_ipv6_addresses_of_a_network_count_together() -> None:
    rate_limiter = RateLimiter(GatewaySettings(limit_anonymous=5))
    assert await left(rate_limiter, address="2001:db8:1:2::1") == 4
    assert await left(rate_limiter, address="2001:db8:1:2:ffff::2") == 3
    assert await left(rate_limiter, address="2001:db8:1:3::1") == 4


async def test_logins_are_counted_separately() -> None:
    rate_limiter = RateLimiter(GatewaySettings(limit_anonymous=5, limit_credentials=3))
    assert await left(rate_limiter) == 4
    assert await left(rate_limiter, path="/api/v1/auth/login") == 2
    assert await left(rate_limiter, path="/api/v1/auth/login", principal=ADA) == 1


async def test_a_disabled_limit_has_no_quota() -> None:
    assert await RateLimiter(GatewaySettings(limit_user=0)).count("/", ADA, "192.0.2.1") is None


async def test_an_unavailable_counter_admits_requests() -> None:
    rate_limiter = RateLimiter(
        GatewaySettings(limit_user=2, limit_store=SecretStr("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100"))
    )
    assert [await left(rate_limiter, principal=ADA) for _ in range(4)] == [2, 2, 2, 2]
    await rate_limiter.close()
