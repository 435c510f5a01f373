"""Use cases of statistics."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NoReturn

from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.http.statistics import Interval
from echo_common.http.time_range import ALWAYS, TimeRange
from echo_common.http.validation import invalid
from echo_feedback.dependencies import Dependencies
from echo_feedback.domain.periods import BEGINS, STEPS
from echo_feedback.domain.statistics import Point, sum_amounts

MAXIMUM_POINTS: Final = {Interval.HOUR: 1_000, Interval.DAY: 400}
"""Maximum number of points of a series."""

_DEFAULT_POINTS: Final = {Interval.HOUR: 24, Interval.DAY: 30}


async def count_event(event: DomainEvent, deps: Dependencies) -> None:
    """Add an event to the statistics of its hours, once."""
    if hours := dict(sum_amounts(event)):
        await deps.statistics.add(event.event_id, hours)


async def get_series(interval: Interval, time: TimeRange, deps: Dependencies) -> Sequence[Point]:
    """Return the points of a range, oldest first, also those without events.

    The range is widened to whole intervals; without one it is the last 24 hours or 30 days. Raises `ValidationError` if it has
    too many points.
    """
    since, until = _compute_range(interval, time)
    step, begin = STEPS[interval], BEGINS[interval]
    points = {moment: Point(moment) for moment in (since + step * number for number in range((until - since) // step))}
    async for hour, counts in deps.statistics.hours(since, until):
        points[begin(hour)].add(counts)
    for moment, number in (await deps.active_users.count(interval, points)).items():
        points[moment].active_users = number
    return list(points.values())


async def get_last_day(deps: Dependencies) -> Point:
    """Return the counts of the last 24 hours, up to now."""
    points = await get_series(Interval.HOUR, ALWAYS, deps)
    day = Point(points[0].time)
    for point in points:
        day.add(point.counts)
    day.active_users = await deps.active_users.count_distinct(points[0].time)
    return day


def _compute_range(interval: Interval, time: TimeRange) -> tuple[datetime, datetime]:
    step, begin = STEPS[interval], BEGINS[interval]
    last = begin(time.until or now())
    until = last if time.until == last else _add(last, step, "Enter an earlier time.")
    since = _add(until, step * -_DEFAULT_POINTS[interval], "Enter a later time.") if time.since is None else begin(time.since)
    if since >= until:
        _refuse("from", "Enter a time before `to`, or in the past.")
    if until - since > step * MAXIMUM_POINTS[interval]:
        longest, name = MAXIMUM_POINTS[interval], interval.value
        other = ", or use interval=day" if interval is Interval.HOUR else ""
        _refuse("from", f"A series has at most {longest:,} points. Enter a range of at most {longest:,} {name}s{other}.")
    return since, until


def _add(moment: datetime, step: timedelta, refusal: str) -> datetime:
    """Return a time, or refuse `to` if there is no such time."""
    try:
        return moment + step
    except OverflowError:
        _refuse("to", refusal)


def _refuse(field: str, message: str) -> NoReturn:
    raise invalid([{"field": field, "message": message}])
