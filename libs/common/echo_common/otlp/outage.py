"""Reports of an unreachable collector, instead of those of OpenTelemetry, which repeat with every export."""

import logging
from collections.abc import Callable
from contextvars import ContextVar
from threading import Lock
from time import monotonic
from typing import Any, Final, TypeVar

import structlog

from echo_common.backoff import Backoff

_REPORT_INTERVALS: Final = Backoff(120.0, 3600.0, jitter=(1.0, 1.0))
_SDK_LOGGER: Final = "opentelemetry"

_Batch = TypeVar("_Batch")

log = structlog.get_logger(__name__)
_reasons: ContextVar[list[str] | None] = ContextVar("export_failure_reasons", default=None)


class OutageReporter(logging.Handler):
    """Reporter of failed exports: a warning at the first failure, further ones at growing intervals, an entry at recovery.

    It handles the entries of OpenTelemetry's logger until `close`: those about an export become the reason in the warning, and
    all others are dropped while exports fail, among them those of full queues.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = Lock()
        self._failing: set[str] = set()
        self._failing_since = self._next_report = 0.0
        self._failures = self._reports = 0
        logger = logging.getLogger(_SDK_LOGGER)
        logger.addHandler(self)
        logger.propagate = False

    def report_results(self, signal: str, export: Callable[[_Batch], Any]) -> Callable[[_Batch], Any]:
        """Return an export of a signal that records its result."""

        def export_and_report(batch: _Batch) -> Any:
            reasons: list[str] = []
            token = _reasons.set(reasons)
            try:
                result = export(batch)
            finally:
                _reasons.reset(token)
            if result.name == "SUCCESS":
                self._record_success(signal)
            else:
                self._record_failure(signal, reasons[0] if reasons else "")
            return result

        return export_and_report

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an entry about an export as its reason; pass on any other one unless exports fail."""
        reasons = _reasons.get()
        if reasons is not None:
            reasons.append(record.getMessage())
        elif not self._failing:
            logging.getLogger().handle(record)

    def close(self) -> None:
        """Restore the logger of OpenTelemetry."""
        logger = logging.getLogger(_SDK_LOGGER)
        logger.removeHandler(self)
        logger.propagate = True
        super().close()

    def _record_failure(self, signal: str, reason: str) -> None:
        with self._lock:
            if not self._failing:
                self._failing_since = self._next_report = self._clock()
                self._failures = self._reports = 0
            self._failing.add(signal)
            self._failures += 1
            if self._clock() < self._next_report:
                return
            self._reports += 1
            self._next_report = self._clock() + _REPORT_INTERVALS.delay(self._reports)
            signals, failures = ",".join(sorted(self._failing)), self._failures
        log.warning("telemetry_export_failed", signals=signals, failures=failures, error=reason)

    def _record_success(self, signal: str) -> None:
        with self._lock:
            if signal not in self._failing:
                return
            self._failing.remove(signal)
            if self._failing:
                return
            seconds, failures = round(self._clock() - self._failing_since, 1), self._failures
        log.warning("telemetry_export_recovered", seconds=seconds, failures=failures)
