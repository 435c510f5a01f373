"""Export of log entries: a structlog processor, and a handler for the loggers of libraries."""

import logging
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from time import time_ns
from typing import Any

from opentelemetry._logs import Logger, LogRecord, SeverityNumber
from structlog.typing import EventDict, WrappedLogger

from echo_common.telemetry import LogExporter

_SDK_LOGGER = "opentelemetry"  # the export reports its failures there; exported, each would cause the next one
SEVERITIES = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}
_EXCLUDED_FIELDS = frozenset({"event", "level", "timestamp", "exc_info", "trace_id", "span_id", "_record", "_from_structlog"})
_MAXIMUM_VALUE_CHARACTERS = 8192
_MAXIMUM_STACK_TRACE_CHARACTERS = 16_384


class LogExport(LogExporter):
    """Exporter of log entries with the current trace: the event is the body, its fields are attributes."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        """Export an entry; a structlog processor."""
        self._export(event, str(event.get("level", "info")))
        return event

    def emit(self, record: logging.LogRecord) -> None:
        """Export an entry of the standard library's logging."""
        if record.name.partition(".")[0] == _SDK_LOGGER:
            return
        level = record.levelname.lower()
        if isinstance(record.msg, dict):  # structlog writes to the standard library here
            self._export(record.msg, level)
        else:
            self._export({"event": record.getMessage(), "logger": record.name, "exc_info": record.exc_info}, level)

    def _export(self, event: Mapping[str, Any], level: str) -> None:
        with suppress(Exception):  # logging fails no request
            fields = {
                name: _value(value) for name, value in event.items() if name not in _EXCLUDED_FIELDS and value is not None
            }
            self._logger.emit(
                LogRecord(
                    timestamp=time_ns(),
                    severity_number=SEVERITIES.get(level, SeverityNumber.INFO),
                    severity_text=level,
                    body=str(event.get("event", ""))[:_MAXIMUM_VALUE_CHARACTERS],
                    attributes={**fields, **_exception(event.get("exc_info"))},
                )
            )


def _value(value: object) -> str | int | float | bool:
    if isinstance(value, int | float):
        return value
    return str(value)[:_MAXIMUM_VALUE_CHARACTERS]


def _exception(exc_info: object) -> Mapping[str, str]:
    """Return type, message and lines of code of an exception, without the local variables, which may hold secrets."""
    if exc_info is True:
        exc_info = sys.exc_info()
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if not isinstance(error, BaseException):
        return {}
    lines = "".join(traceback.format_exception(error))
    return {
        "exception.type": type(error).__qualname__,
        "exception.message": str(error)[:_MAXIMUM_VALUE_CHARACTERS],
        "exception.stacktrace": lines[-_MAXIMUM_STACK_TRACE_CHARACTERS:],
    }
