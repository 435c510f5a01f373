"""Erasure of a user's data in a service: resumable after a crash at any point, and repeated against late writes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import ClassVar, Final, Protocol, TypeVar

import structlog

from echo_common.aggregate import Aggregate
from echo_common.background_tasks import continue_after_errors, running_in_background
from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.errors import ConflictError, NotFoundError
from echo_common.faults import FaultPoints
from echo_common.outbox.repository import Repository
from echo_common.store.port import DuplicateError, Filter, Index

A = TypeVar("A", bound=Aggregate)

KEPT_SECONDS: Final = 30 * 24 * 3600
"""Time for which the id of an erased user is kept."""

BATCH: Final = 16
"""Number of aggregates that are erased at once."""

_CLAIM: Final = timedelta(seconds=20)
_REPEATS: Final = (timedelta(minutes=1), timedelta(minutes=20), timedelta(days=1))
_PAUSE_SECONDS: Final = 5.0


class UserData(Protocol):
    """The data of users that a service owns. A service implements this in its module `user_data`."""

    async def erase(self, user_id: str) -> None:
        """Erase everything of a user: documents, objects, and what others were given of it.

        Idempotent: after a failure or a crash it is called again, and finds the rest.
        """


class ErasedUser(Aggregate):
    """A user whose data is being erased, or was; its id is the user's. It is kept for 30 days, to erase what comes late."""

    erased_at: datetime | None = None
    erasures: int = 0
    due_at: datetime | None = None

    def finish(self, moment: datetime, event: DomainEvent | None) -> None:
        """Record a completed erasure, and plan the next one: a request in progress may have written after the first."""
        self.due_at = moment + _REPEATS[self.erasures] if self.erasures < len(_REPEATS) else None
        self.erasures += 1
        if self.erased_at is None:
            self.erased_at = moment
            if event is not None:
                self.record(event)


class ErasedUsers(Repository[ErasedUser]):
    """The repository of erased users."""

    aggregate = ErasedUser
    name = "erased_users"
    indexes: ClassVar[Sequence[Index]] = (
        Index([("due_at", 1)], sparse=True),
        Index([("created_at", 1)], ttl=KEPT_SECONDS),
    )


class UserErasure:
    """The erasure of users in one service.

    Args:
        users: The users to erase; of several replicas that find one, a conditional update lets one proceed.
        data: The service's data.
        erased: Function that returns the event of a completed erasure; None publishes none.
        faults: Fault points before, during and after an erasure.
    """

    def __init__(
        self,
        users: ErasedUsers,
        data: UserData,
        erased: Callable[[str], DomainEvent] | None,
        faults: FaultPoints,
    ) -> None:
        self._users = users
        self._data = data
        self._erased = erased
        self._faults = faults
        self._wake = asyncio.Event()
        self._log = structlog.get_logger("echo.erasure")

    async def includes(self, user_id: str) -> bool:
        """Return whether a user was erased, or is about to be."""
        return await self._users.find_one({"_id": user_id}) is not None

    async def repeat_for(self, user_id: str) -> None:
        """Erase a user again who was erased, or is about to be; do nothing for others.

        Call this after the handling of an event that stored something of the user, because it may arrive late.
        """
        if await self.includes(user_id):
            await self._data.erase(user_id)

    async def begin(self, user_id: str) -> None:
        """Queue the erasure of a user; idempotent. It survives a crash once this returns."""
        with suppress(DuplicateError):
            await self._users.add(ErasedUser(id=user_id, due_at=now()))
        self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Erase queued users while the context lasts."""
        async with running_in_background(self._keep_erasing()):
            yield

    async def erase_due(self, moment: datetime | None = None) -> int:
        """Erase every user that is due at a moment, by default now; return their number. Raises the errors of `UserData`."""
        until = moment or now()
        due = [user async for user in self._users.find({"due_at": {"$lte": until}})]
        for user in due:
            await self._erase(user)
        return len(due)

    async def _erase(self, user: ErasedUser) -> None:
        claimed = user.due_at = now() + _CLAIM  # after a crash, the next claim
        try:
            await self._users.save(user)
        except ConflictError:
            return  # another replica was faster
        await self._faults.reach("erasure.before_erase")
        await self._data.erase(user.id)
        await self._faults.reach("erasure.after_erase")
        event = None if self._erased is None else self._erased(user.id)

        def finish(held: ErasedUser) -> None:
            if held.due_at == claimed:  # else another replica has claimed it since, and finishes it
                held.finish(now(), event)

        await self._users.update(user.id, finish)
        self._log.info("user_data_erased", user_id=user.id)

    async def _keep_erasing(self) -> None:
        while True:
            with continue_after_errors(self._log, "erasure"):
                await self.erase_due()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE_SECONDS):
                    await self._wake.wait()
            self._wake.clear()


async def erase_matching(
    repository: Repository[A],
    where: Filter,
    erase: Callable[[A], object],
    faults: FaultPoints,
    *,
    before: Callable[[A], Awaitable[None]] | None = None,
) -> None:
    """Erase all aggregates that match, in batches.

    Args:
        repository: The repository.
        where: The filter; an erased aggregate must not match it again.
        erase: Function that changes the aggregate so that it does not match, usually `A.erase`.
        faults: The fault point `erasure.mid_erase` is reached after each batch.
        before: Function that removes the aggregate's objects. They go first: a record left by a crash leads to them again.
    """

    async def erase_one(aggregate: A) -> None:
        if before is not None:
            await before(aggregate)
        with suppress(NotFoundError):
            await repository.update(aggregate.id, erase)

    while batch := [aggregate async for aggregate in repository.find(where, limit=BATCH)]:
        await asyncio.gather(*(erase_one(aggregate) for aggregate in batch))
        await faults.reach("erasure.mid_erase")
