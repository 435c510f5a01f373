"""Hours and days, in UTC."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from echo_common.contracts.http.statistics import Interval


def day_of(moment: datetime) -> datetime:
    """Return the start of the UTC day of a moment."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def hour_of(moment: datetime) -> datetime:
    """Return the start of the hour of a moment, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


STEPS: Mapping[Interval, timedelta] = MappingProxyType({Interval.HOUR: timedelta(hours=1), Interval.DAY: timedelta(days=1)})
BEGINS: Mapping[Interval, Callable[[datetime], datetime]] = MappingProxyType({Interval.HOUR: hour_of, Interval.DAY: day_of})
