"""Endpoints for the administration of ratings."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Query, Response

from echo_common.auth.dependencies import Administrator
from echo_common.contracts.http.feedback import RatingTotals, RatingView
from echo_common.http.csv_response import CSV, Cell, WantsCsv, csv_response
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_feedback import views
from echo_feedback.api import examples
from echo_feedback.api.dependencies import Deps
from echo_feedback.api.parameters import parse_rating_filter
from echo_feedback.domain.ratings import Rating
from echo_feedback.domain.summaries import Subject
from echo_feedback.usecases import ratings, summaries
from echo_feedback.usecases.ratings import RATING_ORDERS, RatingFilter
from echo_feedback.usecases.summaries import SUMMARY_ORDERS

_COLUMNS = tuple(name for name in RatingView.model_fields if name != "offer")

PageQuery = Annotated[Page, Depends(paginated(*RATING_ORDERS))]
TotalsPageQuery = Annotated[Page, Depends(paginated(*SUMMARY_ORDERS, default="updated_at"))]

router = PublicRouter("admin")


@router.endpoint(
    "GET", "/admin/feedback", response=Success[list[RatingView]], other_types=(CSV,), example=enveloped([examples.RATING])
)
async def list_feedback(
    _: Administrator,
    deps: Deps,
    page: PageQuery,
    wants_csv: WantsCsv,
    wanted: Annotated[RatingFilter, Depends(parse_rating_filter)],
    user_id: Annotated[str | None, Query(max_length=64, description="Filter by user.")] = None,
) -> Success[list[RatingView]] | Response:
    """List the ratings of all users, newest first.

    As CSV with `format=csv` or `Accept: text/csv`.
    """
    wanted = replace(wanted, user_id=user_id)
    if wants_csv:
        return csv_response(_COLUMNS, _to_rows(ratings.stream_ratings(wanted, page, deps)), "feedback.csv")
    found, total = await ratings.list_ratings(wanted, page, deps)
    return ok([views.rating_view(rating) for rating in found], meta=page.meta(total))


@router.endpoint("GET", "/admin/feedback/totals", example=enveloped([examples.TOTALS]))
async def list_feedback_totals(
    _: Administrator,
    deps: Deps,
    page: TotalsPageQuery,
    subject: Annotated[Subject | None, Query(description="Filter by subject.")] = None,
) -> Success[list[RatingTotals]]:
    """List the ratings of voices and engines in numbers, the last changed first."""
    found, total = await summaries.list_summaries(subject, page, deps)
    return ok([views.rating_totals(summary) for summary in found], meta=page.meta(total))


async def _to_rows(found: AsyncGenerator[Rating, None]) -> AsyncGenerator[list[Cell], None]:
    async with aclosing(found):
        async for rating in found:
            view = views.rating_view(rating).model_dump(mode="json", include=set(_COLUMNS))
            yield [" ".join(cell) if isinstance(cell, list) else cell for cell in view.values()]
