"""Daily counters of quotas on every database."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Metric, Plan, Role
from echo_common.live_settings import LiveSettings
from echo_common.quotas import counters
from echo_common.quotas.counters import Quotas, Reservation, next_midnight
from echo_common.store.port import Store

ADA = Principal("usr_ada", "ses_1", Plan.USER, Role.USER, frozenset())
GUEST = Principal("usr_guest", "ses_2", Plan.GUEST, Role.USER, frozenset())
ONE = {Metric.UPLOADS: 1}


async def _nothing(_: str, without: Collection[str]) -> int:
    return 0


async def opened(store: Store, limit: int = 3) -> Quotas:
    live_settings = LiveSettings({QUOTAS[Metric.UPLOADS][Plan.USER].key: limit, QUOTAS[Metric.UPLOADS][Plan.GUEST].key: 1})
    quotas = Quotas(store, live_settings, metrics=(Metric.UPLOADS, Metric.CHARACTERS), gauges={}, storage=_nothing)
    await quotas.prepare()
    return quotas


async def test_parallel_reservations_in_several_replicas_cannot_pass_the_limit(store: Store) -> None:
    replicas = [await opened(store, 5) for _ in range(3)]
    outcomes = await asyncio.gather(*(replicas[n % 3].reserve(ADA, ONE) for n in range(20)), return_exceptions=True)
    assert sum(isinstance(outcome, QuotaExceededError) for outcome in outcomes) == 15
    assert (await replicas[0].usage(ADA))[Metric.UPLOADS] == 5


async def test_limits_depend_on_the_plan_and_are_counted_per_user(store: Store) -> None:
    quotas = await opened(store)
    await quotas.reserve(GUEST, ONE)
    with pytest.raises(QuotaExceededError):
        await quotas.reserve(GUEST, ONE)
    for _ in range(3):
        await quotas.reserve(ADA, ONE)


async def test_a_refused_reservation_counts_nothing(store: Store) -> None:
    quotas = await opened(store)
    with pytest.raises(QuotaExceededError):
        await quotas.reserve(ADA, {Metric.UPLOADS: 4, Metric.CHARACTERS: 10})
    assert await quotas.usage(ADA) == {Metric.UPLOADS: 0, Metric.CHARACTERS: 0, Metric.STORAGE_BYTES: 0}


async def test_an_error_gives_the_reservation_back(store: Store) -> None:
    quotas = await opened(store)
    with pytest.raises(ValueError, match="broken"):
        async with quotas.reserved(ADA, ONE):
            raise ValueError("broken")
    assert (await quotas.usage(ADA))[Metric.UPLOADS] == 0


async def test_a_reservation_that_is_cancelled_at_any_moment_counts_nothing(store: Store) -> None:
    quotas = await opened(store, 0)
    made = 0
    for moment in range(30):
        reserving = asyncio.create_task(quotas.reserve(ADA, ONE))
        for _ in range(moment):
            await asyncio.sleep(0.0005)
        reserving.cancel()
        [outcome] = await asyncio.gather(reserving, return_exceptions=True)
        made += isinstance(outcome, Reservation)
    assert (await quotas.usage(ADA))[Metric.UPLOADS] == made


async def test_zero_disables_a_limit_but_counts(store: Store) -> None:
    quotas = await opened(store, 0)
    for _ in range(5):
        await quotas.reserve(ADA, ONE)
    assert (await quotas.usage(ADA))[Metric.UPLOADS] == 5


async def test_a_new_day_starts_at_midnight_utc(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    evening = datetime(2036, 1, 31, 23, 59, 59, tzinfo=UTC)
    monkeypatch.setattr(counters, "now", lambda: evening)
    quotas = await opened(store, 1)
    await quotas.reserve(ADA, ONE)
    with pytest.raises(QuotaExceededError) as refused:
        await quotas.reserve(ADA, ONE)
    assert refused.value.retry_after == 2
    monkeypatch.setattr(counters, "now", lambda: evening + timedelta(seconds=1))
    await quotas.reserve(ADA, ONE)
    assert next_midnight(evening) == evening + timedelta(seconds=1)


async def test_erased_users_have_no_counters(store: Store) -> None:
    quotas = await opened(store)
    await quotas.reserve(ADA, ONE)
    await quotas.erase(ADA.user_id)
    assert (await quotas.usage(ADA))[Metric.UPLOADS] == 0


async def test_estimates_count_until_they_are_settled(store: Store) -> None:
    quotas = await opened(store, 10)
    outcomes = await asyncio.gather(
        *(quotas.reserve(ADA, {Metric.UPLOADS: 4}, below=(Metric.UPLOADS,)) for _ in range(8)), return_exceptions=True
    )
    reserved = [outcome for outcome in outcomes if isinstance(outcome, Reservation)]
    assert len(reserved) == 3
    await quotas.settle(reserved[0], {Metric.UPLOADS: 1})
    assert (await quotas.usage(ADA))[Metric.UPLOADS] == 9
    await quotas.erase(ADA.user_id)
    await quotas.settle(reserved[1], {Metric.UPLOADS: 1})
    assert (await quotas.usage(ADA))[Metric.UPLOADS] == 0
