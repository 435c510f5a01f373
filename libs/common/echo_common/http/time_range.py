"""Ranges of time in queries: `from` and `to`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Query

from echo_common.contracts.http.base import UtcTime
from echo_common.http.validation import invalid


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A range of time in UTC. `since` is inclusive, `until` exclusive; an absent limit matches every time."""

    since: datetime | None = None
    until: datetime | None = None

    def where(self, field: str) -> dict[str, Any]:
        """Return the filter for documents with this field in the range, in the store's form."""
        limits = {"$gte": self.since, "$lt": self.until}
        bounds = {operator: moment for operator, moment in limits.items() if moment is not None}
        return {field: bounds} if bounds else {}


ALWAYS: Final = TimeRange()
"""The range without limits."""


async def time_range(
    since: Annotated[UtcTime | None, Query(alias="from", description="Filter by time: at or after.")] = None,
    until: Annotated[UtcTime | None, Query(alias="to", description="Filter by time: before.")] = None,
) -> TimeRange:
    """Return the range of a request. Raises `ValidationError` if it is empty."""
    if since is not None and until is not None and since >= until:
        raise invalid([{"field": "to", "message": "Enter a time after that of from."}])
    return TimeRange(since, until)


TimeRangeQuery = Annotated[TimeRange, Depends(time_range)]
