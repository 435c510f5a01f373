"""Endpoints for API usage."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated

from fastapi import Depends, Query, Response
from pydantic import BaseModel

from echo_common.auth.dependencies import AccountHolder, Administrator
from echo_common.contracts.http.api_usage import ApiUsage, UserApiUsage
from echo_common.http.csv_response import CSV, Cell, WantsCsv, csv_response
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_common.http.time_range import TimeRangeQuery
from echo_feedback import views
from echo_feedback.api import examples
from echo_feedback.api.dependencies import Deps
from echo_feedback.domain.usage import Usage
from echo_feedback.usecases import usage
from echo_feedback.usecases.usage import USAGE_ORDERS, UsageFilter

PageQuery = Annotated[Page, Depends(paginated(*USAGE_ORDERS, default="day"))]
Endpoint = Annotated[
    str | None,
    Query(max_length=200, description="Filter by endpoint, for example `GET /api/v1/voices/{voice_id}`."),
]

router = PublicRouter("users")
admin = PublicRouter("admin")


@router.endpoint(
    "GET",
    "/users/me/usage/series",
    response=Success[list[ApiUsage]],
    other_types=(CSV,),
    example=enveloped([examples.USAGE]),
)
async def list_own_usage(
    principal: AccountHolder,
    deps: Deps,
    page: PageQuery,
    wants_csv: WantsCsv,
    time: TimeRangeQuery,
    endpoint: Endpoint = None,
) -> Success[list[ApiUsage]] | Response:
    """List own API usage.

    The requests of the user by endpoint and day, the latest day first. As CSV with `format=csv` or `Accept: text/csv`. Days are those of UTC. A request appears some seconds after it was served.
    """
    wanted = UsageFilter(principal.user_id, endpoint, time)
    if wants_csv:
        return csv_response(tuple(ApiUsage.model_fields), _to_rows(wanted, page, deps), "usage.csv")
    found, total = await usage.list_usage(wanted, page, deps)
    return ok([views.build_api_usage(each) for each in found], meta=page.meta(total))


@admin.endpoint(
    "GET",
    "/admin/usage",
    response=Success[list[UserApiUsage]],
    other_types=(CSV,),
    example=enveloped([examples.USER_USAGE]),
)
async def list_usage(
    _: Administrator,
    deps: Deps,
    page: PageQuery,
    wants_csv: WantsCsv,
    time: TimeRangeQuery,
    user_id: Annotated[str | None, Query(max_length=64, description="Filter by user.")] = None,
    endpoint: Endpoint = None,
) -> Success[list[UserApiUsage]] | Response:
    """List API usage.

    The requests of all users by endpoint and day, the latest day first. As CSV with `format=csv` or `Accept: text/csv`. Requests
    without a valid credential and those of deleted users have no user.
    """
    wanted = UsageFilter(user_id, endpoint, time)
    if wants_csv:
        columns = tuple(UserApiUsage.model_fields)
        return csv_response(columns, _to_rows(wanted, page, deps, of_all=True), "usage.csv")
    found, total = await usage.list_usage(wanted, page, deps)
    return ok([views.build_user_api_usage(each) for each in found], meta=page.meta(total))


async def _to_rows(
    wanted: UsageFilter, page: Page, deps: Deps, *, of_all: bool = False
) -> AsyncGenerator[Sequence[Cell], None]:
    async with aclosing(usage.stream_usage(wanted, page, deps)) as found:
        async for each in found:
            yield list(_build_view(each, of_all=of_all).model_dump(mode="json").values())


def _build_view(found: Usage, *, of_all: bool) -> BaseModel:
    return views.build_user_api_usage(found) if of_all else views.build_api_usage(found)
