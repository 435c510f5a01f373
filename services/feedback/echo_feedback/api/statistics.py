"""Endpoints for statistics."""

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Final

from fastapi import Query, Response

from echo_common.auth.dependencies import Administrator
from echo_common.contracts.http.statistics import Interval, JobCounts, StatisticsPoint
from echo_common.http.csv_response import CSV, Cell, WantsCsv, csv_response
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.time_range import TimeRangeQuery
from echo_feedback import views
from echo_feedback.api import examples
from echo_feedback.api.dependencies import Deps
from echo_feedback.usecases import statistics

_JOBS: Final = tuple(JobCounts.model_fields)
_PLAIN: Final = tuple(name for name in StatisticsPoint.model_fields if name not in {"jobs", "engines"})
_ENGINE: Final = ("audio_seconds", "compute_seconds", "real_time_factor")

router = PublicRouter("admin")


@router.endpoint(
    "GET",
    "/admin/stats/series",
    response=Success[list[StatisticsPoint]],
    other_types=(CSV,),
    example=enveloped([examples.POINT]),
)
async def get_statistics_series(
    _: Administrator,
    deps: Deps,
    wants_csv: WantsCsv,
    time: TimeRangeQuery,
    interval: Annotated[Interval, Query(description="Interval of the points.")] = Interval.HOUR,
) -> Success[list[StatisticsPoint]] | Response:
    """Get statistics by hour or day.

    The oldest point is first; by default the last 24 hours or the last 30 days. A series has at most 1,000 hours or 400 days. As
    CSV with `format=csv` or `Accept: text/csv`; CSV has the sum of all engines. Hours and days are those of UTC.
    """
    points = [views.statistics_point(point) for point in await statistics.get_series(interval, time, deps)]
    if wants_csv:
        columns = (*_PLAIN, *(f"jobs_{name}" for name in _JOBS), *(f"engines_{name}" for name in _ENGINE))
        return csv_response(columns, _to_rows(points), "statistics.csv")
    return ok(points)


async def _to_rows(points: Sequence[StatisticsPoint]) -> AsyncGenerator[Sequence[Cell], None]:
    for point in points:
        fields = point.model_dump(mode="json")
        audio = sum(engine.audio_seconds for engine in point.engines)
        compute = sum(engine.compute_seconds for engine in point.engines)
        speech: list[Cell] = [round(audio, 3), round(compute, 3), round(compute / audio, 4) if audio else None]
        yield [*(fields[name] for name in _PLAIN), *(fields["jobs"][name] for name in _JOBS), *speech]
