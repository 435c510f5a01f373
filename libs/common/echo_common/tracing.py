"""Trace context: of requests, of tasks and of messages, in the format of W3C Trace Context."""

import random
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    ProxyTracerProvider,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

TRACEPARENT = "traceparent"
_CONTEXT_HEADERS = (b"traceparent", b"tracestate")  # not baggage: clients must not set attributes of internal requests

_PROPAGATOR = TraceContextTextMapPropagator()
_UNSAMPLED = TraceFlags(TraceFlags.DEFAULT)
_MAXIMUM_STACK_TRACE_CHARACTERS = 16_384
_TRACE_ID = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-")


def exports_spans() -> bool:
    """Return whether a collector receives the spans of this process."""
    return not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)


def _format_traceparent(span_context: SpanContext) -> str:
    return f"00-{span_context.trace_id:032x}-{span_context.span_id:016x}-{span_context.trace_flags:02x}"


def traceparent_of(span: Span) -> str | None:
    """Return the span's context as a `traceparent`; None if the span is not part of a trace."""
    if isinstance(span, _LocalSpan):
        return span.traceparent
    span_context = span.get_span_context()
    return _format_traceparent(span_context) if span_context.is_valid else None


def current_traceparent() -> str | None:
    """Return the current span's context as a `traceparent`; None outside of a trace."""
    return traceparent_of(trace.get_current_span())


def current_trace_id() -> str | None:
    """Return the id of the current trace as 32 hexadecimal digits; None outside of a trace."""
    span_context = trace.get_current_span().get_span_context()
    return f"{span_context.trace_id:032x}" if span_context.is_valid else None


def trace_id_of(traceparent: str | None) -> str | None:
    """Return the id of a `traceparent`'s trace as 32 hexadecimal digits; None if it is None or malformed."""
    found = _TRACE_ID.match(traceparent or "")
    return None if found is None else found[1]


def context_of(traceparent: str | None) -> Context:
    """Return the context of a `traceparent`, whose trace new spans continue; an empty one if it is None or malformed."""
    return _PROPAGATOR.extract({TRACEPARENT: traceparent}, context=Context()) if traceparent else Context()


class _LocalSpan(NonRecordingSpan):
    """A span that only has ids; they are formatted once, because each request needs them several times."""

    def __init__(self, span_context: SpanContext) -> None:
        super().__init__(span_context)
        self.traceparent = _format_traceparent(span_context)


class _ActiveSpan:
    """A context manager that makes a span the current one."""

    __slots__ = ("_parent", "_span", "_token")

    def __init__(self, span: Span, parent: Context) -> None:
        self._span = span
        self._parent = parent

    def __enter__(self) -> Span:
        self._token = context.attach(trace.set_span_in_context(self._span, self._parent))
        return self._span

    def __exit__(self, *_: object) -> None:
        context.detach(self._token)


def request_span(
    headers: Mapping[bytes, bytes],
    attributes: Callable[[], Mapping[str, AttributeValue]],
    client_ratio: float | None = None,
) -> AbstractContextManager[Span]:
    """Continue the trace of a request's headers, or start one; the span is current while the context lasts.

    Without a collector the span records nothing, but it still has ids, for log entries, events and the response.
    `client_ratio` is the share of the client's traces that is recorded; if None, the client's flag decides.
    """
    parent = Context()  # never that of the server's own task
    if b"traceparent" in headers:
        trace_headers = {name.decode(): headers[name].decode("latin-1") for name in _CONTEXT_HEADERS if name in headers}
        parent = _PROPAGATOR.extract(trace_headers, context=parent)
        if client_ratio is not None:
            parent = _resample(parent, client_ratio)
    if exports_spans():
        tracer = trace.get_tracer("echo.http")
        return recording_span(tracer, "request", parent, SpanKind.SERVER, attributes())
    span_context = trace.get_current_span(parent).get_span_context()
    if not span_context.is_valid:
        # ids need not be unpredictable, only unlikely to occur twice
        span_context = SpanContext(random.getrandbits(128) or 1, random.getrandbits(64) or 1, False, _UNSAMPLED)
    return _ActiveSpan(_LocalSpan(span_context), parent)


def _resample(parent: Context, ratio: float) -> Context:
    """Return the context with a flag that does not depend on the client, who could choose an id that is always sampled."""
    span_context = trace.get_current_span(parent).get_span_context()
    if not span_context.is_valid:
        return parent
    flags = TraceFlags(TraceFlags.SAMPLED) if random.random() < ratio else _UNSAMPLED  # noqa: S311 - a share
    resampled = SpanContext(span_context.trace_id, span_context.span_id, True, flags, span_context.trace_state)
    return trace.set_span_in_context(NonRecordingSpan(resampled), parent)


def record_error(span: Span, error: BaseException) -> None:
    """Add an exception to a span by its type and lines of code, without its message, which may quote a text."""
    if span.is_recording():
        lines = "".join(traceback.format_tb(error.__traceback__))
        attributes = {
            "exception.type": type(error).__qualname__,
            "exception.stacktrace": lines[-_MAXIMUM_STACK_TRACE_CHARACTERS:],
        }
        span.add_event("exception", attributes)
        span.set_status(Status(StatusCode.ERROR, type(error).__qualname__))


@contextmanager
def recording_span(
    tracer: Tracer, name: str, parent: Context, kind: SpanKind, attributes: Mapping[str, AttributeValue]
) -> Iterator[Span]:
    """Record a span, which is current while the context lasts, and an exception that leaves it, as `record_error` does."""
    with tracer.start_as_current_span(
        name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            record_error(span, error)
            raise


def inject(headers: MutableMapping[str, str]) -> None:
    """Add the current trace context to the headers of a request or a message; do nothing outside of a trace."""
    span = trace.get_current_span()
    if (traceparent := traceparent_of(span)) is not None:
        headers[TRACEPARENT] = traceparent
        if tracestate := span.get_span_context().trace_state:
            headers["tracestate"] = tracestate.to_header()


@contextmanager
def task_span(name: str, traceparent: str | None, attributes: Mapping[str, AttributeValue]) -> Iterator[Span]:
    """Continue the trace in which a task was queued; the span is current while the context lasts."""
    tracer = trace.get_tracer("echo.work")
    with recording_span(tracer, name, context_of(traceparent), SpanKind.CONSUMER, attributes) as span:
        yield span
