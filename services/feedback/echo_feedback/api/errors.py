"""Endpoints for the error log."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated

from fastapi import Depends, Query, Response

from echo_common.auth.dependencies import Administrator
from echo_common.contracts.http.error_log import ErrorEntry
from echo_common.http.csv_response import CSV, Cell, WantsCsv, csv_response
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_common.http.time_range import TimeRangeQuery
from echo_feedback import views
from echo_feedback.api import examples
from echo_feedback.api.dependencies import Deps
from echo_feedback.usecases import errors
from echo_feedback.usecases.errors import ERROR_ORDERS, ErrorFilter

PageQuery = Annotated[Page, Depends(paginated(*ERROR_ORDERS, default="timestamp"))]

router = PublicRouter("admin")


@router.endpoint(
    "GET",
    "/admin/errors",
    response=Success[list[ErrorEntry]],
    other_types=(CSV,),
    example=enveloped([examples.ERROR]),
)
async def list_errors(
    _: Administrator,
    deps: Deps,
    page: PageQuery,
    wants_csv: WantsCsv,
    time: TimeRangeQuery,
    service: Annotated[str | None, Query(max_length=40, description="Filter by service.")] = None,
    error_type: Annotated[str | None, Query(max_length=100, description="Filter by type.")] = None,
    trace_id: Annotated[str | None, Query(max_length=64, description="Filter by trace.")] = None,
    request_id: Annotated[str | None, Query(max_length=80, description="Filter by request.")] = None,
) -> Success[list[ErrorEntry]] | Response:
    """List errors.

    The errors of all services, newest first. As CSV with `format=csv` or `Accept: text/csv`. The list has unhandled exceptions, failed tasks and dead letters, once each.
    """
    wanted = ErrorFilter(service, error_type, trace_id, request_id, time)
    if wants_csv:
        return csv_response(tuple(ErrorEntry.model_fields), _to_rows(wanted, page, deps), "errors.csv")
    found, total = await errors.list_errors(wanted, page, deps)
    return ok([views.build_error_entry(entry) for entry in found], meta=page.meta(total))


async def _to_rows(wanted: ErrorFilter, page: Page, deps: Deps) -> AsyncGenerator[Sequence[Cell], None]:
    async with aclosing(errors.stream_errors(wanted, page, deps)) as found:
        async for entry in found:
            yield list(views.build_error_entry(entry).model_dump(mode="json").values())
