"""Logs, traces and metrics of a process."""

import io
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TextIO, cast

import orjson
import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, WrappedLogger

from echo_common.settings import CommonSettings

_LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True)
class Metrics:
    """The process's Prometheus metrics; services in one process share them and differ by label."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    requests: Counter = field(init=False)
    latency: Histogram = field(init=False)
    deliveries: Counter = field(init=False)
    jobs: Counter = field(init=False)
    speech_seconds: Counter = field(init=False)
    engine_cost: Counter = field(init=False)
    queue_depth: Gauge = field(init=False)

    def __post_init__(self) -> None:
        def add(name: str, metric: object) -> None:
            object.__setattr__(self, name, metric)

        labels = ["service", "method", "route", "status"]
        add("requests", Counter("echo_http_requests", "HTTP requests served.", labels, registry=self.registry))
        add(
            "latency",
            Histogram(
                "echo_http_request_seconds",
                "Time to the end of the response in seconds.",
                ["service", "method", "route"],
                registry=self.registry,
                buckets=_LATENCY_BUCKETS,
            ),
        )
        outcome = ["service", "topic", "outcome"]
        add("deliveries", Counter("echo_bus_deliveries", "Messages handled, by outcome.", outcome, registry=self.registry))
        add(
            "jobs",
            Counter(
                "echo_jobs",
                "Attempts at jobs and tasks, by work queue and outcome: completed, failed, or lost (cancelled or expired).",
                ["queue", "status"],
                registry=self.registry,
            ),
        )
        add(
            "speech_seconds",
            Counter("echo_speech_seconds", "Seconds of speech synthesised by engines.", ["engine"], registry=self.registry),
        )
        cost = ["engine", "unit"]
        add("engine_cost", Counter("echo_engine_cost", "Usage billed by providers, by unit.", cost, registry=self.registry))
        add("queue_depth", Gauge("echo_engine_queue", "Segments waiting for an engine.", ["engine"], registry=self.registry))


request_context: ContextVar[Mapping[str, str]] = ContextVar("request_context", default={})  # noqa: B039 - never changed
"""The request being served in this task: `request_id` and `service`. Set by the telemetry middleware alone."""


def add_request(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Add the request id and the service to a log entry; a structlog processor."""
    for name, value in request_context.get().items():
        event.setdefault(name, value)
    return event


def to_json(event: EventDict, **_: object) -> str:
    """Return a log line; values without a JSON form are written as strings."""
    return orjson.dumps(event, default=str).decode()


# The local variables of a failed request hold its token and its text, which must not be logged.
name_errors: structlog.typing.Processor = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
"""structlog processor that renders an exception as types, messages and lines of code."""


def for_people(*, colors: bool) -> structlog.typing.Processor:
    """Return a structlog renderer for people, with exceptions as Python prints them."""
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)


def add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Add the trace and span ids to a log entry; a structlog processor."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
        event["span_id"] = f"{context.span_id:016x}"
    return event


class _LogStream(io.TextIOBase):
    """Stream of log lines that drops a line on a full disk or a closed pipe, so that logging fails no request."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a line; drop it on an error."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream; ignore an error."""
        with suppress(OSError):
            self._stream.flush()


def configure_logging(settings: CommonSettings) -> None:
    """Set up structlog for this process, and route the standard library's loggers through it."""
    shared: list[structlog.typing.Processor] = [
        add_request,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_trace,
    ]
    last: list[structlog.typing.Processor] = (
        [name_errors, structlog.processors.JSONRenderer(to_json)]
        if settings.log_format == "json"
        else [for_people(colors=sys.stderr.isatty())]
    )
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    stream = cast("TextIO", _LogStream(sys.stderr))
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))


def configure_tracing(settings: CommonSettings, service: str) -> TracerProvider | None:
    """Export this process's spans when a collector is set; trace context is propagated in any case.

    The caller must shut the provider down, so that the last spans are sent.
    """
    if settings.otlp_endpoint is None:
        return None
    # Imported here: it costs a tenth of a second, also in processes that export nothing.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: f"echo-{service}"}))
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider
