"""Totals of stored bytes on every database: parallel requests, errors, deletions and ends of processes."""

import asyncio
from collections.abc import Collection
from datetime import timedelta

import pytest

from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Metric, Plan, Role
from echo_common.live_settings import LiveSettings
from echo_common.quotas import stored_bytes
from echo_common.quotas.counters import Quotas
from echo_common.store.port import Store

ADA = Principal("usr_ada", "ses_1", Plan.USER, Role.USER, frozenset())
LIMIT = 100


class Objects:
    """Stored objects by id, in the place of a service's repository."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}

    async def size(self, user_id: str, without: Collection[str]) -> int:
        await asyncio.sleep(0)
        return sum(size for name, size in self.sizes.items() if name not in without)


async def opened(store: Store, objects: Objects, limit: int = LIMIT) -> Quotas:
    live_settings = LiveSettings({QUOTAS[Metric.STORAGE_BYTES][Plan.USER].key: limit})
    quotas = Quotas(store, live_settings, metrics=(Metric.UPLOADS,), gauges={}, storage=objects.size)
    await quotas.prepare()
    return quotas


async def put(quotas: Quotas, objects: Objects, name: str, size: int, *, estimate: int | None = None) -> None:
    expected = size if estimate is None else estimate
    async with quotas.storing(ADA, name, expected, estimated=estimate is not None) as held:
        await asyncio.sleep(0)
        objects.sizes[name] = size
    await quotas.settle_bytes(held, size)


async def used(quotas: Quotas) -> int:
    return (await quotas.usage(ADA))[Metric.STORAGE_BYTES]


@pytest.mark.parametrize("before", [0, 40])
async def test_of_parallel_requests_in_several_replicas_as_many_succeed_as_fit(store: Store, before: int) -> None:
    objects = Objects()
    objects.sizes |= {"sample": before} if before else {}
    replicas = [await opened(store, objects) for _ in range(3)]

    outcomes = await asyncio.gather(
        *(put(replicas[n % 3], objects, f"object {n}", 20) for n in range(12)), return_exceptions=True
    )

    assert [outcome for outcome in outcomes if outcome and not isinstance(outcome, QuotaExceededError)] == []
    assert outcomes.count(None) == (LIMIT - before) // 20
    assert await used(replicas[0]) == LIMIT


async def test_the_true_size_replaces_an_estimate(store: Store) -> None:
    objects = Objects()
    quotas = await opened(store, objects)
    await put(quotas, objects, "audio", 30, estimate=90)
    assert await used(quotas) == 30
    await put(quotas, objects, "other", 70)
    with pytest.raises(QuotaExceededError) as refused:
        await put(quotas, objects, "third", 1, estimate=1)
    assert isinstance(refused.value.details, dict)
    assert (refused.value.details["used"], refused.value.details["limit"]) == (LIMIT, LIMIT)


async def test_an_error_and_a_cancellation_give_the_bytes_back(store: Store) -> None:
    quotas = await opened(store, Objects())
    with pytest.raises(ValueError, match="broken"):
        async with quotas.storing(ADA, "object", LIMIT):
            raise ValueError("broken")
    for moment in range(30):

        async def hold() -> None:
            async with quotas.storing(ADA, "object", LIMIT):
                await asyncio.Event().wait()

        task = asyncio.create_task(hold())
        for _ in range(moment):
            await asyncio.sleep(0.0005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await used(quotas) == 0


async def test_deleted_objects_make_room_at_once(store: Store) -> None:
    objects = Objects()
    quotas = await opened(store, objects)
    await put(quotas, objects, "first", LIMIT)
    with pytest.raises(QuotaExceededError):
        await put(quotas, objects, "second", LIMIT)
    del objects.sizes["first"]
    await put(quotas, objects, "second", LIMIT)


async def test_reservations_of_ended_processes_expire(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Objects()
    quotas = await opened(store, objects)
    lost = quotas.storing(ADA, "lost", LIMIT)
    await lost.__aenter__()
    with pytest.raises(QuotaExceededError):
        await put(quotas, objects, "object", LIMIT)

    later = now() + timedelta(hours=2)
    monkeypatch.setattr(stored_bytes, "now", lambda: later)

    await put(quotas, objects, "object", LIMIT)
    await lost.__aexit__(None, None, None)


async def test_without_a_limit_bytes_are_counted(store: Store) -> None:
    objects = Objects()
    quotas = await opened(store, objects, 0)
    await put(quotas, objects, "object", 5)
    assert await used(quotas) == 5


async def test_erasure_deletes_the_total(store: Store) -> None:
    objects = Objects()
    quotas = await opened(store, objects)
    await put(quotas, objects, "object", 5)
    await quotas.erase(ADA.user_id)
    assert await store.collection("stored_bytes").count({}) == 0
