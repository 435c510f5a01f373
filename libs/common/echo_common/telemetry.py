"""Logs of a process."""

import io
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import TextIO, cast

import orjson
import structlog
from opentelemetry import trace
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, WrappedLogger

from echo_common.settings import CommonSettings

request_context: ContextVar[Mapping[str, str]] = ContextVar("request_context", default={})  # noqa: B039 - never changed
"""The request being served in this task: `request_id` and `service`. Set by the telemetry middleware alone."""


def add_request(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Add the request id and the service to a log entry; a structlog processor."""
    for name, value in request_context.get().items():
        event.setdefault(name, value)
    return event


def render_json(event: EventDict, **_: object) -> str:
    """Return a log entry as JSON; values without a JSON form are written as strings."""
    return orjson.dumps(event, default=str).decode()


# The local variables of a failed request hold its token and its text, which must not be logged.
render_exceptions: structlog.typing.Processor = structlog.processors.ExceptionRenderer(
    ExceptionDictTransformer(show_locals=False)
)
"""structlog processor that renders an exception as types, messages and lines of code."""


def console_renderer(*, colors: bool) -> structlog.typing.Processor:
    """Return the structlog renderer for a terminal, with exceptions as Python prints them."""
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


class LogExporter(logging.Handler, ABC):
    """Exporter of log entries: a structlog processor, and a handler of the standard library's logging."""

    @abstractmethod
    def __call__(self, logger: WrappedLogger, name: str, event: EventDict, /) -> EventDict:
        """Export an entry of structlog, and return it unchanged."""


def configure_logging(settings: CommonSettings, exporter: LogExporter | None = None) -> None:
    """Set up structlog for this process, and route the standard library's loggers through it; export the entries, too."""
    shared: list[structlog.typing.Processor] = [
        add_request,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_trace,
    ]
    last: list[structlog.typing.Processor] = (
        [render_exceptions, structlog.processors.JSONRenderer(render_json)]
        if settings.log_format == "json"
        else [console_renderer(colors=sys.stderr.isatty())]
    )
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    stream = cast("TextIO", _LogStream(sys.stderr))
    structlog.configure(
        processors=[*shared, *([] if exporter is None else [exporter]), *last],
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
    root.handlers = [handler] if exporter is None else [handler, exporter]
    root.setLevel(max(level, logging.WARNING))
