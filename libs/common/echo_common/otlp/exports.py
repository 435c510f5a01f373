"""Export of a process's traces, metrics and logs to an OTLP collector."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from threading import Thread
from time import monotonic, time_ns
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_NAMESPACE, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from echo_common.background_tasks import running_in_background
from echo_common.metrics import Metrics
from echo_common.otlp.log_export import LogExport
from echo_common.otlp.outage import OutageReporter
from echo_common.settings import CommonSettings, OtlpSignal

_REQUEST_TIMEOUT_SECONDS = 5.0
_STOP_SECONDS = 3.0

log = structlog.get_logger(__name__)


class TelemetryExports:
    """The exports of traces, metrics and logs; without a collector in the settings they do nothing.

    The queues of spans and log entries are bounded, and late data is dropped. An unreachable collector delays no requests, and a
    stop by three seconds at most.
    """

    def __init__(self, settings: CommonSettings, service: str) -> None:
        self._settings = settings
        self._shutdowns: list[Callable[[], object]] = []
        self._stop_seconds_left = _STOP_SECONDS
        instance = f"{socket.gethostname()}:{os.getpid()}"
        self._resource = Resource.create(
            {SERVICE_NAME: f"echo-{service}", SERVICE_NAMESPACE: "echo", SERVICE_INSTANCE_ID: instance}
        )
        self.logs: LogExport | None = None
        self._outage = OutageReporter() if settings.otlp_endpoint is not None else None
        if self._is_exported("traces"):
            self._start_traces()
        if self._is_exported("logs"):
            self._start_logs()

    def attach(self) -> None:
        """Export the entries of the standard library's logging, to which structlog writes in some processes, until `close`."""
        if self.logs is not None:
            logging.getLogger().addHandler(self.logs)

    @asynccontextmanager
    async def exporting(self, metrics: Metrics) -> AsyncIterator[None]:
        """Export the metrics at intervals while the context lasts, and once more at its end."""
        if not self._is_exported("metrics"):
            yield
            return
        # Imported here, as below: it takes a tenth of a second, also in processes that export nothing.
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        from echo_common.otlp.metric_export import convert_to_otlp

        exporter, started_ns = self._with_reports("metrics", OTLPMetricExporter(**self._options("metrics"))), time_ns()

        async def export() -> None:
            await metrics.measure()
            data = await asyncio.to_thread(lambda: convert_to_otlp(metrics.collect(), self._resource, started_ns, time_ns()))
            await _run_in_daemon_thread("otlp-metrics", partial(exporter.export, data))

        async def export_regularly() -> None:
            while True:
                await asyncio.sleep(self._settings.otlp_metric_seconds)
                try:
                    await export()
                except Exception as error:  # the next export may succeed
                    log.warning("metric_export_failed", error=repr(error))

        try:
            async with running_in_background(export_regularly()):
                yield
            started = monotonic()
            try:
                async with asyncio.timeout(self._stop_seconds_left):
                    await export()
            except Exception as error:
                log.warning("metric_export_failed", error=repr(error))
            self._stop_seconds_left = max(0.0, self._stop_seconds_left - (monotonic() - started))
        finally:
            exporter.shutdown()

    def close(self) -> None:
        """Send the last spans and log entries, for the rest of the three seconds that the last metrics have left."""
        if self.logs is not None:
            logging.getLogger().removeHandler(self.logs)
        # concurrently, because each waits for the collector; daemons, because one that hangs must not keep the process
        threads = [Thread(target=shutdown, name="otlp-shutdown", daemon=True) for shutdown in self._shutdowns]
        for thread in threads:
            thread.start()
        until = monotonic() + self._stop_seconds_left
        for thread in threads:
            thread.join(max(0.0, until - monotonic()))
        if self._outage is not None:
            self._outage.close()

    def _is_exported(self, signal: OtlpSignal) -> bool:
        return self._settings.otlp_endpoint is not None and signal in self._settings.otlp_signals

    def _options(self, signal: OtlpSignal) -> dict[str, Any]:
        endpoint = (self._settings.otlp_endpoint or "").rstrip("/")
        headers = dict(self._settings.otlp_header_items)
        return {"endpoint": f"{endpoint}/v1/{signal}", "headers": headers, "timeout": _REQUEST_TIMEOUT_SECONDS}

    def _with_reports(self, signal: OtlpSignal, exporter: Any) -> Any:
        """Return the exporter, with exports that report their results."""
        if self._outage is not None:
            exporter.export = self._outage.report_results(signal, exporter.export)
        return exporter

    def _start_traces(self) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        sampler = ParentBased(TraceIdRatioBased(self._settings.trace_ratio))
        provider = TracerProvider(resource=self._resource, sampler=sampler, shutdown_on_exit=False)
        provider.add_span_processor(
            BatchSpanProcessor(self._with_reports("traces", OTLPSpanExporter(**self._options("traces"))))
        )
        trace.set_tracer_provider(provider)
        self._shutdowns.append(provider.shutdown)

    def _start_logs(self) -> None:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

        provider = LoggerProvider(resource=self._resource, shutdown_on_exit=False)
        exporter = self._with_reports("logs", OTLPLogExporter(**self._options("logs")))
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        self.logs = LogExport(provider.get_logger("echo"))
        self._shutdowns.append(provider.shutdown)


async def _run_in_daemon_thread(name: str, function: Callable[[], object]) -> None:
    """Run a function in a thread for which neither the event loop nor the process waits at its end."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if not ended.done():
            ended.set_result(None) if error is None else ended.set_exception(error)

    def run() -> None:
        failure: Exception | None = None
        try:
            function()
        except Exception as error:
            failure = error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, failure)

    Thread(target=run, name=name, daemon=True).start()
    await ended
