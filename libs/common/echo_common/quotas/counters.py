"""Counters of quotas: daily ones in the database of the service, and current totals."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from collections.abc import Collection as Metrics
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Metric
from echo_common.live_settings import LiveSettings
from echo_common.quotas.stored_bytes import HeldBytes, StorageGauge, StoredBytes
from echo_common.shielded import shielded
from echo_common.store.port import Collection, Document, DuplicateError, Index, Store

_KEPT = timedelta(days=2)

Gauge = Callable[[str], Awaitable[int]]
"""Function that returns a user's current total."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Amounts that were counted on a day."""

    counter_id: str
    amounts: Mapping[Metric, int] = field(default_factory=dict)


class Quotas:
    """The quotas of users in one service.

    A day is one of UTC. All daily metrics of a user and a day are one document, changed by one conditional increment: concurrent
    requests cannot pass a quota together, in no replica. `metrics` are the daily metrics of the service, `gauges` its totals;
    `storage` returns the bytes that it stores for a user.
    """

    def __init__(
        self,
        store: Store,
        live_settings: LiveSettings,
        *,
        metrics: Metrics[Metric],
        gauges: Mapping[Metric, Gauge],
        storage: StorageGauge,
    ) -> None:
        self._days: Collection = store.collection("quota_counters")
        self._live_settings = live_settings
        self._metrics = tuple(metrics)
        self._stored_bytes = StoredBytes(store, storage)
        self._gauges = {**gauges, Metric.STORAGE_BYTES: self._stored_bytes.total}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def prepare(self) -> None:
        """Create the collections; call once at start."""
        await self._days.ensure([Index([("expires_at", 1)], ttl=0), Index([("user_id", 1)])])
        await self._stored_bytes.prepare()

    async def reserve(self, principal: Principal, amounts: Mapping[Metric, int], *, below: Metrics[Metric] = ()) -> Reservation:
        """Count amounts before they are used.

        Args:
            principal: The user, whose plan sets the limits.
            amounts: Amounts by metric.
            below: Metrics whose amount is an estimate; their count before must be below the limit, and the use of a reservation
                passes it by no more than its own amount.

        Returns:
            The reservation, for `release`. A cancelled call leaves none.

        Raises:
            QuotaExceededError: A limit would be exceeded; nothing was counted.
        """
        made: list[Reservation] = []

        async def count() -> None:
            made.append(await self._count(principal, amounts, below))

        try:
            await shielded(count())
        except asyncio.CancelledError:
            for reservation in made:
                await shielded(self.release(reservation))
            raise
        return made[0]

    async def _count(self, principal: Principal, amounts: Mapping[Metric, int], below: Metrics[Metric]) -> Reservation:
        moment = now()
        counter_id = _counter_id(principal.user_id, moment)
        highest = {
            metric: limit - (1 if metric in below else amount)
            for metric, amount in amounts.items()
            if (limit := self.limit(metric, principal))
        }
        within = {"_id": counter_id, **{metric.value: {"$lte": most} for metric, most in highest.items()}}
        counted = {"$inc": {metric.value: amount for metric, amount in amounts.items()}}
        if not await self._days.update_one(within, counted):
            await self._begin_day(principal.user_id, moment)
            if not await self._days.update_one(within, counted):
                used = await self._counts(counter_id)
                exceeded = next((metric for metric, most in highest.items() if used[metric] > most), next(iter(highest)))
                raise self._error(exceeded, used[exceeded], principal, moment)
        return Reservation(counter_id, dict(amounts))

    async def release(self, reservation: Reservation) -> None:
        """Subtract the reserved amounts, because nothing was made of them."""
        amounts = {metric.value: -amount for metric, amount in reservation.amounts.items()}
        await self._days.update_one({"_id": reservation.counter_id}, {"$inc": amounts})

    @asynccontextmanager
    async def reserved(
        self, principal: Principal, amounts: Mapping[Metric, int], *, below: Metrics[Metric] = ()
    ) -> AsyncIterator[Reservation]:
        """Reserve amounts, and give them back if the context ends with an error. Raises `QuotaExceededError`."""
        reservation = await self.reserve(principal, amounts, below=below)
        try:
            yield reservation
        except BaseException:
            await shielded(self.release(reservation))
            raise

    async def settle(self, reservation: Reservation, used: Mapping[Metric, int]) -> None:
        """Count amounts that were used in place of those that were reserved, whatever the limit.

        A counter that has gone stays so: a job that ends after its user was erased leaves none.
        """
        more = {metric.value: amount - reservation.amounts.get(metric, 0) for metric, amount in used.items()}
        await self._days.update_one({"_id": reservation.counter_id}, {"$inc": more})

    @asynccontextmanager
    async def storing(
        self, principal: Principal, object_id: str, amount: int, *, estimated: bool = False
    ) -> AsyncIterator[HeldBytes]:
        """Reserve bytes for an object that is stored within the context, and give them back if it ends with an error.

        `settle_bytes` counts the true size after it. The total with the object is at most the limit; with an `estimated` amount
        the total before is below the limit. Raises `QuotaExceededError`.
        """
        limit = self.limit(Metric.STORAGE_BYTES, principal)
        highest = limit - (1 if estimated else amount) if limit else None
        made: list[HeldBytes] = []

        async def hold() -> None:
            held = await self._stored_bytes.reserve(principal.user_id, object_id, amount, highest)
            if held is None:
                used = await self._stored_bytes.total(principal.user_id)
                raise self._error(Metric.STORAGE_BYTES, used, principal, now())
            made.append(held)

        try:
            await shielded(hold())
            yield made[0]
        except BaseException:
            for held in made:
                await shielded(self._stored_bytes.settle(held, 0))
            raise

    async def settle_bytes(self, held: HeldBytes, stored: int) -> None:
        """Count the bytes that were stored in place of those that were reserved; 0 if none were."""
        await shielded(self._stored_bytes.settle(held, stored))

    @asynccontextmanager
    async def lock_and_check(self, metric: Metric, principal: Principal) -> AsyncIterator[None]:
        """Check that a total is below its limit; within the context no other request of the user in this process does.

        Raises `QuotaExceededError`.
        """
        key = f"{principal.user_id}/{metric.value}"
        async with self._locks.setdefault(key, asyncio.Lock()):
            await self.check(metric, principal)
            yield

    async def check(self, metric: Metric, principal: Principal) -> None:
        """Check that a total is below its limit. Raises `QuotaExceededError`."""
        limit = self.limit(metric, principal)
        if limit and (used := await self._gauges[metric](principal.user_id)) >= limit:
            raise self._error(metric, used, principal, now())

    async def usage(self, principal: Principal) -> Mapping[Metric, int]:
        """Return the amounts that the user has used today, and the current totals."""
        used = await self._counts(_counter_id(principal.user_id, now()))
        totals = {metric: await gauge(principal.user_id) for metric, gauge in self._gauges.items()}
        return {metric: used[metric] for metric in self._metrics} | totals

    async def erase(self, user_id: str) -> None:
        """Delete the user's counters and total."""
        await self._days.delete({"user_id": user_id})
        await self._stored_bytes.erase(user_id)

    def limit(self, metric: Metric, principal: Principal) -> int:
        """Return the limit of the principal's plan; 0 means none."""
        return self._live_settings.get(QUOTAS[metric][principal.plan])

    async def _begin_day(self, user_id: str, moment: datetime) -> None:
        zeros: Document = {metric.value: 0 for metric in self._metrics}
        counter = {"_id": _counter_id(user_id, moment), "user_id": user_id, "expires_at": moment + _KEPT, **zeros}
        try:
            await self._days.insert(counter)
        except DuplicateError:
            return

    async def _counts(self, counter_id: str) -> Mapping[Metric, int]:
        document = await self._days.find_one({"_id": counter_id}) or {}
        return {metric: max(0, document.get(metric.value, 0)) for metric in self._metrics}

    def _error(self, metric: Metric, used: int, principal: Principal, moment: datetime) -> QuotaExceededError:
        resets_at = next_midnight(moment) if metric.daily else None
        details = {
            "metric": metric.value,
            "limit": self.limit(metric, principal),
            "used": used,
            "resets_at": None if resets_at is None else resets_at.isoformat().replace("+00:00", "Z"),
        }
        wait = None if resets_at is None else int((resets_at - moment).total_seconds()) + 1
        return QuotaExceededError(details=details, retry_after=wait)


def next_midnight(moment: datetime) -> datetime:
    """Return the end of the day of a UTC time."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _counter_id(user_id: str, moment: datetime) -> str:
    return f"{user_id}/{moment.date().isoformat()}"
