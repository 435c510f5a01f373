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

AFTERWARDS: Final = (Metric.AUDIO_SECONDS,)
"""Metrics that are known only after the synthesis."""


def amounts_of(text: str) -> Mapping[Metric, int]:
    """Return what a synthesis of a text uses, as far as it is known before."""
    return {Metric.SYNTHESES: 1, Metric.CHARACTERS: len(text)}


@asynccontextmanager
async def reserved_synthesis(text: str, principal: Principal, deps: Dependencies) -> AsyncIterator[Reservation]:
    """Count a synthesis that is stored, and give it back if the context ends with an error. Raises `QuotaExceededError`."""
    await deps.quotas.check(Metric.STORAGE_BYTES, principal)
    async with deps.quotas.reserved(principal, amounts_of(text), below=AFTERWARDS) as reservation:
        yield reservation


async def give_back_job(job: Job, deps: Dependencies) -> None:
    """Give back what was counted for a job that made nothing."""
    if job.counted_in is not None:
        amounts = {Metric.SYNTHESES: 1, Metric.CHARACTERS: job.counted_characters}
        await deps.quotas.give_back(Reservation(job.counted_in, amounts))


async def record_audio(user_id: str, seconds: float, deps: Dependencies) -> None:
    """Count the seconds of a synthesis."""
    await deps.quotas.record(user_id, {Metric.AUDIO_SECONDS: ceil(seconds)})
