"""Use cases of the running summaries of voices and engines."""

from typing import Any, Final

from echo_common.http.pagination import Page
from echo_feedback.dependencies import Dependencies
from echo_feedback.domain.summaries import Subject, Summary

SUMMARY_ORDERS: Final = ("name", "updated_at")
"""Fields by which summaries can be sorted."""


async def list_summaries(subject: Subject | None, page: Page, deps: Dependencies) -> tuple[list[Summary], int]:
    """Return a page of the summaries, by default the last changed first, and their total number."""
    where: dict[str, Any] = {} if subject is None else {"subject": subject.value}
    sort = [(page.sort_by, page.direction), ("_id", page.direction)]
    found = deps.summaries.find(where, sort=sort, skip=page.offset, limit=page.limit)
    return [summary async for summary in found], await deps.summaries.count(where)
