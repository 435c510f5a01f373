"""Use cases of the error log."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

from echo_common.contracts.error_logged import ErrorLogged
from echo_common.http.pagination import Page
from echo_common.http.time_range import ALWAYS, TimeRange
from echo_common.store.port import Sort
from echo_feedback.dependencies import Dependencies
from echo_feedback.domain.errors import LoggedError

ERROR_ORDERS: Final = ("timestamp", "last_at", "count")
"""Fields by which errors can be sorted."""


@dataclass(frozen=True, slots=True)
class ErrorFilter:
    """Filter of the error log; absent conditions match every entry."""

    service: str | None = None
    error_type: str | None = None
    trace_id: str | None = None
    request_id: str | None = None
    time: TimeRange = ALWAYS

    def where(self) -> dict[str, Any]:
        """Return the filter in the store's form."""
        equal = {
            "service": self.service,
            "error_type": self.error_type,
            "trace_id": self.trace_id,
            "request_id": self.request_id,
        }
        return {name: value for name, value in equal.items() if value is not None} | self.time.where("timestamp")


async def record_error(event: ErrorLogged, deps: Dependencies) -> None:
    """Add the errors of an event to the log; idempotent."""
    await deps.errors.add(LoggedError.of(event))


async def list_errors(wanted: ErrorFilter, page: Page, deps: Dependencies) -> tuple[list[LoggedError], int]:
    """Return a page of the entries that match, newest first by default, and their total number."""
    where = wanted.where()
    found = deps.errors.find(where, sort=_sort(page), skip=page.offset, limit=page.limit)
    return [entry async for entry in found], await deps.errors.count(where)


def stream_errors(wanted: ErrorFilter, page: Page, deps: Dependencies) -> AsyncGenerator[LoggedError, None]:
    """Yield all entries that match, in the order of the page."""
    return deps.errors.find(wanted.where(), sort=_sort(page))


def _sort(page: Page) -> Sort:
    return [(page.sort_by, page.direction), ("_id", page.direction)]
