"""Quotas of syntheses."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from math import ceil
from typing import Final

from echo_common.auth.principal import Principal
from echo_common.contracts.values import Metric
from echo_common.quotas.counters import Reservation
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Job

ESTIMATED: Final = (Metric.AUDIO_SECONDS,)
"""Metrics that are estimated before the synthesis, and known after it."""
_CHARACTERS_PER_SECOND = 15


def amounts_of(characters: int) -> Mapping[Metric, int]:
    """Return what a synthesis of a text of this length uses: its seconds are an estimate."""
    seconds = ceil(characters / _CHARACTERS_PER_SECOND)
    return {Metric.SYNTHESES: 1, Metric.CHARACTERS: characters, Metric.AUDIO_SECONDS: seconds}


@asynccontextmanager
async def reserved_synthesis(text: str, principal: Principal, deps: Dependencies) -> AsyncIterator[Reservation]:
    """Count a synthesis that is stored, and give it back if the context ends with an error. Raises `QuotaExceededError`."""
    await deps.quotas.check(Metric.STORAGE_BYTES, principal)
    async with deps.quotas.reserved(principal, amounts_of(len(text)), below=ESTIMATED) as reservation:
        yield reservation


@asynccontextmanager
async def recounted(job: Job, text: str, principal: Principal, deps: Dependencies) -> AsyncIterator[None]:
    """Count the changed text of a pending job in place of the earlier one. Raises `QuotaExceededError`.

    An administrator's change of another user's job counts whatever the limit.
    """
    if (counted := counted_for(job)) is None:
        yield
        return
    needed = amounts_of(len(text))
    more = {metric: amount for metric in needed if (amount := needed[metric] - counted.amounts[metric]) > 0}
    if more and principal.user_id == job.user_id:
        async with deps.quotas.reserved(principal, more, below=ESTIMATED) as reservation:
            yield
        await deps.quotas.settle(counted, needed)
        await deps.quotas.give_back(reservation)  # counted with the job by now
    else:
        yield
        await deps.quotas.settle(counted, needed)


def counted_for(job: Job) -> Reservation | None:
    """Return what was counted for a job."""
    return None if job.counted_in is None else Reservation(job.counted_in, amounts_of(job.counted_characters))


async def give_back_job(job: Job, deps: Dependencies) -> None:
    """Give back what was counted for a job that made nothing."""
    if (counted := counted_for(job)) is not None:
        await deps.quotas.give_back(counted)


async def settle_audio(reservation: Reservation, seconds: float, deps: Dependencies) -> None:
    """Count the seconds of a synthesis in place of the estimate."""
    await deps.quotas.settle(reservation, {Metric.AUDIO_SECONDS: ceil(seconds)})
