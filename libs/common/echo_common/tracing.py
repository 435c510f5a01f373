"""Trace context: of requests, of tasks and of messages, in the format of W3C Trace Context."""

import random
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, ProxyTracerProvider, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

TRACEPARENT = "traceparent"
_CONTEXT_HEADERS = (b"traceparent", b"tracestate")  # not baggage: clients must not set attributes of internal requests

_PROPAGATOR = TraceContextTextMapPropagator()
_UNSAMPLED = TraceFlags(TraceFlags.DEFAULT)


def exports_spans() -> bool:
    """Return whether a collector receives the spans of this process."""
    return not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)


def _format(found: SpanContext) -> str:
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"


def traceparent_of(span: Span) -> str | None:
    """Return the span's context as a `traceparent`; None if the span is not part of a trace."""
    if isinstance(span, _LocalSpan):
        return span.traceparent
    found = span.get_span_context()
    return _format(found) if found.is_valid else None


def current_traceparent() -> str | None:
    """Return the current span's context as a `traceparent`; None outside of a trace."""
    return traceparent_of(trace.get_current_span())


def current_trace_id() -> str | None:
    """Return the id of the current trace as 32 hexadecimal digits; None outside of a trace."""
    found = trace.get_current_span().get_span_context()
    return f"{found.trace_id:032x}" if found.is_valid else None


def context_of(traceparent: str | None) -> Context:
    """Return the context of a `traceparent`, whose trace new spans continue; an empty one if it is None or malformed."""
    return _PROPAGATOR.extract({TRACEPARENT: traceparent}, context=Context()) if traceparent else Context()


class _LocalSpan(NonRecordingSpan):
    """A span that only has ids; they are formatted once, because each request needs them several times."""

    def __init__(self, found: SpanContext) -> None:
        super().__init__(found)
        self.traceparent = _format(found)


class _Current:
    """A context manager in which a span is the current one."""

    __slots__ = ("_around", "_span", "_token")

    def __init__(self, span: Span, around: Context) -> None:
        self._span = span
        self._around = around

    def __enter__(self) -> Span:
        self._token = context.attach(trace.set_span_in_context(self._span, self._around))
        return self._span

    def __exit__(self, *_: object) -> None:
        context.detach(self._token)


def request_span(
    headers: Mapping[bytes, bytes], attributes: Callable[[], Mapping[str, AttributeValue]]
) -> AbstractContextManager[Span]:
    """Continue the trace of a request's headers, or start one; the span is current while the context lasts.

    Without a collector the span records nothing, but it still has ids, for log entries, events and the response.
    """
    parent = Context()  # never that of the server's own task
    if b"traceparent" in headers:
        sent = {name.decode(): headers[name].decode("latin-1") for name in _CONTEXT_HEADERS if name in headers}
        parent = _PROPAGATOR.extract(sent, context=parent)
    if exports_spans():
        tracer = trace.get_tracer("echo.http")
        return tracer.start_as_current_span("request", context=parent, kind=SpanKind.SERVER, attributes=attributes())
    found = trace.get_current_span(parent).get_span_context()
    if not found.is_valid:
        # ids need not be unpredictable, only unlikely to occur twice
        found = SpanContext(random.getrandbits(128) or 1, random.getrandbits(64) or 1, False, _UNSAMPLED)
    return _Current(_LocalSpan(found), parent)


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
    with tracer.start_as_current_span(
        name, context=context_of(traceparent), kind=SpanKind.CONSUMER, attributes=attributes
    ) as span:
        yield span
