"""Conversion of Prometheus metrics to OTLP, so that each value is counted once for both."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import Metric as PrometheusMetric

_UNKNOWN = cast("Any", None)
"""The smallest and the largest value of a histogram, which Prometheus does not know."""


@dataclass(frozen=True)
class _Times:
    started_ns: int
    now_ns: int


@dataclass
class _Series:
    """The samples of a histogram with the same labels; `buckets` are cumulative counts by upper bound."""

    buckets: list[tuple[float, float]] = field(default_factory=list)
    count: float = 0
    sum: float = 0


def convert_to_otlp(metrics: Iterable[PrometheusMetric], resource: Resource, started_ns: int, now_ns: int) -> MetricsData:
    """Convert metrics that count since `started_ns`, in nanoseconds since the epoch; values that are NaN are left out."""
    times = _Times(started_ns, now_ns)
    converted = [Metric(metric.name, metric.documentation, "", data) for metric in metrics if (data := _data(metric, times))]
    scope = ScopeMetrics(InstrumentationScope("echo"), converted, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _data(metric: PrometheusMetric, times: _Times) -> Sum | Gauge | Histogram | None:
    if metric.type == "histogram":
        histograms = _histogram_points(metric, times)
        return Histogram(histograms, AggregationTemporality.CUMULATIVE) if histograms else None
    points = [
        NumberDataPoint(dict(sample.labels), times.started_ns, times.now_ns, sample.value)
        for sample in metric.samples
        if not math.isnan(sample.value)
    ]
    if not points:
        return None
    if metric.type == "counter":
        return Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
    return Gauge(points)


def _histogram_points(metric: PrometheusMetric, times: _Times) -> Sequence[HistogramDataPoint]:
    found: defaultdict[tuple[tuple[str, str], ...], _Series] = defaultdict(_Series)
    for sample in metric.samples:
        series = found[tuple((name, value) for name, value in sample.labels.items() if name != "le")]
        match sample.name.removeprefix(metric.name):
            case "_bucket":
                series.buckets.append((float(sample.labels["le"]), sample.value))
            case "_count":
                series.count = sample.value
            case "_sum":
                series.sum = sample.value
    return [_point(dict(labels), series, times) for labels, series in found.items()]


def _point(labels: dict[str, str], series: _Series, times: _Times) -> HistogramDataPoint:
    buckets = sorted(series.buckets)
    totals = [0.0, *(total for _, total in buckets)]
    counts = [int(upper - lower) for lower, upper in pairwise(totals)]
    bounds = [bound for bound, _ in buckets if math.isfinite(bound)]
    return HistogramDataPoint(
        labels,
        times.started_ns,
        times.now_ns,
        int(series.count),
        series.sum,
        counts,
        bounds,
        _UNKNOWN,
        _UNKNOWN,
    )
