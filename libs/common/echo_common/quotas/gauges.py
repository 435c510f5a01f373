"""Totals that are expensive to compute."""

import time
from collections import OrderedDict

from echo_common.quotas.counters import Gauge

_FRESH_SECONDS = 30.0
_USERS = 10_000


class Remembered:
    """A gauge whose values are used for half a minute: sums over all of a user's objects."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._known: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def __call__(self, user_id: str) -> int:
        """Return the user's total, at most half a minute old."""
        moment = time.monotonic()
        total, until = self._known.get(user_id, (0, 0.0))
        if until <= moment:
            total = await self._gauge(user_id)
            self._known[user_id] = (total, moment + _FRESH_SECONDS)
            if len(self._known) > _USERS:
                self._known.popitem(last=False)
        return total
