"""Quota of a stream whose text is still being written."""

from collections import Counter
from typing import Self

from echo_common.auth.principal import Principal
from echo_common.contracts.values import Metric
from echo_common.quotas.counters import Reservation
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.usecases.quotas import ESTIMATED, amounts_of


class StreamQuota:
    """The counted amounts of a stream: one synthesis, and the characters and seconds of its sentences as they come."""

    def __init__(self, principal: Principal, deps: Dependencies) -> None:
        self._principal = principal
        self._deps = deps
        self._counted: dict[str, Counter[Metric]] = {}

    @classmethod
    async def open(cls, principal: Principal, deps: Dependencies) -> Self:
        """Count a synthesis. Raises `QuotaExceededError`."""
        quota = cls(principal, deps)
        await quota._reserve({Metric.SYNTHESES: 1, Metric.CHARACTERS: 0, Metric.AUDIO_SECONDS: 0})
        return quota

    async def add(self, characters: int) -> None:
        """Count a sentence of this length. Raises `QuotaExceededError`."""
        amounts = amounts_of(characters)
        await self._reserve({metric: amounts[metric] for metric in (Metric.CHARACTERS, Metric.AUDIO_SECONDS)})

    async def settle(self, seconds: int) -> None:
        """Count the seconds of the whole stream in place of the estimates; of a stream without speech nothing is counted.

        A stream after midnight counts on the days of its sentences: earlier days keep their estimates.
        """
        days = list(self._counted.items())
        for number, (day, counted) in enumerate(days, 1):
            if not seconds and number == len(days) == 1:
                await self._deps.quotas.release(Reservation(day, counted))
                return
            used = seconds if number == len(days) else min(seconds, counted[Metric.AUDIO_SECONDS])
            await self._deps.quotas.settle(Reservation(day, counted), {Metric.AUDIO_SECONDS: used})
            seconds -= used

    async def _reserve(self, amounts: dict[Metric, int]) -> None:
        reservation = await self._deps.quotas.reserve(self._principal, amounts, below=ESTIMATED)
        self._counted.setdefault(reservation.counter_id, Counter()).update(reservation.amounts)
