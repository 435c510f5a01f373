"""Endpoints for the usage history."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import Depends, Query, Response

from echo_common.auth.dependencies import AccountHolder
from echo_common.contracts.http.history import ActionType, HistoryEntry
from echo_common.http.csv_response import CSV, Cell, WantsCsv, csv_response
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_common.http.time_range import TimeRangeQuery
from echo_feedback import views
from echo_feedback.api import examples
from echo_feedback.api.dependencies import Deps
from echo_feedback.domain.history import Entry
from echo_feedback.usecases import history
from echo_feedback.usecases.history import HistoryFilter

_COLUMNS = ("id", "action_type", "related_id", "timestamp")

PageQuery = Annotated[Page, Depends(paginated("timestamp", default="timestamp"))]

router = PublicRouter("users")


@router.endpoint(
    "GET",
    "/users/me/history",
    response=Success[list[HistoryEntry]],
    other_types=(CSV,),
    example=enveloped([examples.HISTORY_ENTRY]),
)
async def list_history(
    principal: AccountHolder,
    deps: Deps,
    page: PageQuery,
    wants_csv: WantsCsv,
    time: TimeRangeQuery,
    action: Annotated[ActionType | None, Query(description="Filter by type of action.")] = None,
) -> Success[list[HistoryEntry]] | Response:
    """List the user's actions, newest first.

    As CSV with `format=csv` or `Accept: text/csv`. An action appears shortly after it happened.
    """
    wanted = HistoryFilter(principal.user_id, action, time)
    if wants_csv:
        return csv_response(_COLUMNS, _to_rows(history.stream_history(wanted, page, deps)), "history.csv")
    found, total = await history.list_history(wanted, page, deps)
    return ok([views.history_entry(entry) for entry in found], meta=page.meta(total))


async def _to_rows(entries: AsyncGenerator[Entry, None]) -> AsyncGenerator[list[Cell], None]:
    async with aclosing(entries):
        async for entry in entries:
            yield [entry.id, entry.action_type.value, entry.related_id, entry.timestamp.isoformat()]
