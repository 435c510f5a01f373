"""Prometheus metrics of a process, and the measurements that are taken when the metrics are read.

Labels have few values: names of services, routes, queues, topics and engines; never ids, texts or paths as requested.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Final, Literal, get_args

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from echo_common.error_reports import current_reports
from echo_common.errors import is_failure

_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_HANDLER_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
_FIRST_BYTE_BUCKETS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30)
_TASK_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
_REAL_TIME_FACTOR_BUCKETS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 4)
_WEBHOOK_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60)
_MEASUREMENT_TIMEOUT_SECONDS = 5.0
_MEASUREMENT_REUSE_SECONDS = 1.0

StatusClass = Literal["aborted", "1xx", "2xx", "3xx", "4xx", "5xx"]
"""Class of the status of a response; `aborted` without one."""

STATUS_CLASSES: Final[tuple[StatusClass, ...]] = get_args(StatusClass)
"""Classes by the first digit of the status; 0 is a request without a response."""

MessageOutcome = Literal["done", "retried", "dead_lettered", "dropped"]
AttemptOutcome = Literal["completed", "failed", "cancelled", "lost", "deferred", "released"]
CacheName = Literal["credential", "response", "speech"]
CacheResult = Literal["hit", "miss"]
EngineWorkerState = Literal["idle", "busy"]
DeliveryOutcome = Literal["delivered", "failed"]
CommandOutcome = Literal["accepted", "refused", "failed"]

Sample = tuple[Gauge, float]
"""A gauge with its labels set, and its value."""

Measurement = Callable[[], Awaitable[Sequence[Sample]]]
"""Function that measures the values of gauges which are too costly to update with every change."""

CountLookup = Callable[[bool], None]
"""Function that counts a look-up in a cache: True for a hit."""

log = structlog.get_logger(__name__)


def count_nothing(_: bool) -> None:
    """Count nothing: the default of caches without metrics."""


class HttpMetrics:
    """Rate, errors and duration of HTTP requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration = Histogram(
            "http_server_request_duration_seconds",
            "Time to the end of the response, or to the start of a stream, by route template and class of the status.",
            ["service", "method", "route", "status_class"],
            registry=registry,
            buckets=_REQUEST_BUCKETS,
        )
        self.responses = Counter("http_server_responses", "Responses by status.", ["service", "status"], registry=registry)
        self.active = Gauge("http_server_active_requests", "Requests in progress.", ["service"], registry=registry)
        self.open = Gauge(
            "echo_open_requests",
            "Open long requests at the gateway, by kind: stream, synthesis or subscription (progress events).",
            ["kind"],
            registry=registry,
        )
        self.health = Gauge(
            "echo_health_check_up", "1 if the part of the service is usable, else 0.", ["service", "part"], registry=registry
        )


class BusMetrics:
    """Outbox, broker and handling of events."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.handling = Histogram(
            "messaging_process_duration_seconds",
            "Time to handle a message, by outcome: done, retried, dead_lettered or dropped.",
            ["service", "topic", "outcome"],
            registry=registry,
            buckets=_HANDLER_BUCKETS,
        )
        self.connected = Gauge("echo_bus_connected", "1 if the broker is connected, else 0.", ["service"], registry=registry)
        self.dead_letters = Gauge(
            "echo_bus_dead_letters", "Stored dead letters; each replica reports all.", ["service"], registry=registry
        )
        self.outbox_pending = Gauge(
            "echo_outbox_pending",
            "Aggregates with unpublished events; each replica reports all.",
            ["service"],
            registry=registry,
        )
        self.outbox_age = Gauge(
            "echo_outbox_age_seconds", "Age of the oldest unpublished event; 0 without one.", ["service"], registry=registry
        )


class TaskMetrics:
    """Work queues: their length and age, and the attempts at their tasks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        queue = ["queue"]
        self.depth = Gauge("echo_task_queue_depth", "Pending tasks; each replica reports all.", queue, registry=registry)
        self.age = Gauge(
            "echo_task_queue_age_seconds",
            "Longest wait of the pending tasks that may start now.",
            queue,
            registry=registry,
        )
        self.running = Gauge("echo_tasks_running", "Attempts in this process.", queue, registry=registry)
        self.wait = Histogram(
            "echo_task_wait_seconds", "Time from queueing to the first claim.", queue, registry=registry, buckets=_TASK_BUCKETS
        )
        self.duration = Histogram(
            "echo_task_duration_seconds",
            "Duration of attempts, by outcome: completed, failed, cancelled, lost, deferred or released.",
            ["queue", "outcome"],
            registry=registry,
            buckets=_TASK_BUCKETS,
        )
        self.cancellation = Histogram(
            "echo_task_cancel_seconds",
            "Time from the cancellation of a running task to the end of its attempt.",
            queue,
            registry=registry,
            buckets=_TASK_BUCKETS,
        )


class EngineMetrics:
    """Speech engines: their queues, processes, speed and cost."""

    def __init__(self, registry: CollectorRegistry) -> None:
        engine = ["engine"]
        self.queue_depth = Gauge("echo_engine_queue_depth", "Segments waiting for the engine.", engine, registry=registry)
        self.workers = Gauge(
            "echo_engine_workers", "Processes of the engine, by state: idle or busy.", ["engine", "state"], registry=registry
        )
        self.restarts = Counter("echo_engine_restarts", "Processes that had to be replaced.", engine, registry=registry)
        self.failures = Counter(
            "echo_engine_failures", "Failed utterances, by error code.", ["engine", "code"], registry=registry
        )
        self.bad_segments = Counter(
            "echo_engine_bad_segments",
            "Segments that stayed bad after their last take, by problem: silent, clipped, duration or words.",
            ["engine", "problem"],
            registry=registry,
        )
        self.speech_seconds = Counter("echo_engine_speech_seconds", "Seconds of speech synthesised.", engine, registry=registry)
        self.synthesis_seconds = Counter(
            "echo_engine_synthesis_seconds", "Seconds for which engines synthesised.", engine, registry=registry
        )
        self.real_time_factor = Histogram(
            "echo_engine_real_time_factor_ratio",
            "Synthesis time of an utterance divided by the duration of its speech.",
            engine,
            registry=registry,
            buckets=_REAL_TIME_FACTOR_BUCKETS,
        )
        self.first_byte = Histogram(
            "echo_speech_first_byte_seconds",
            "Time from a request for streamed speech to its first byte.",
            engine,
            registry=registry,
            buckets=_FIRST_BYTE_BUCKETS,
        )
        self.cost = Counter("echo_engine_cost", "Usage billed by providers, by unit.", ["engine", "unit"], registry=registry)

    def worker_count(self, engine: str, state: EngineWorkerState, count: int) -> Sample:
        """Return the number of an engine's processes in a state, as a sample."""
        return self.workers.labels(engine, state), count


class ChatMetrics:
    """Language models: the speed and the failures of their replies."""

    def __init__(self, registry: CollectorRegistry) -> None:
        adapter = ["adapter"]
        self.first_part = Histogram(
            "echo_chat_first_part_seconds",
            "Time from the request of a reply to its first text.",
            adapter,
            registry=registry,
            buckets=_FIRST_BYTE_BUCKETS,
        )
        self.parts = Counter("echo_chat_parts", "Parts of replies that were received.", adapter, registry=registry)
        self.failures = Counter(
            "echo_chat_failures", "Replies that failed, by error code.", ["adapter", "code"], registry=registry
        )


class TalkMetrics:
    """Spoken conversations with echos."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open = Gauge("echo_talk_conversations", "Spoken conversations in progress.", registry=registry)
        self.first_audio = Histogram(
            "echo_talk_first_audio_seconds",
            "Time from the detected end of the user's speech to the first audio of the reply.",
            registry=registry,
            buckets=_FIRST_BYTE_BUCKETS,
        )
        self.barge_in = Histogram(
            "echo_talk_barge_in_seconds",
            "Time from the arrival of the audio in which the user's speech was detected to the interruption of the reply.",
            registry=registry,
            buckets=_HANDLER_BUCKETS,
        )


class GroupSessionMetrics:
    """Live connections to group sessions, and their commands."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge(
            "echo_group_session_connections", "Live connections to group sessions in this process.", registry=registry
        )
        self.commands = Histogram(
            "echo_group_session_command_duration_seconds",
            "Time to apply a command or a reaction, by outcome: accepted, refused or failed.",
            ["outcome"],
            registry=registry,
            buckets=_HANDLER_BUCKETS,
        )


class CacheMetrics:
    """Caches: speech, response and credential."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "echo_cache_requests", "Look-ups, by cache and result: hit or miss.", ["cache", "result"], registry=registry
        )
        self.size = Gauge("echo_cache_size_bytes", "Size of the cache's entries.", ["cache"], registry=registry)

    def counter(self, cache: CacheName) -> CountLookup:
        """Return the function that counts the look-ups of a cache."""

        def counter_of(result: CacheResult) -> Counter:
            return self.requests.labels(cache, result)

        hits, misses = counter_of("hit"), counter_of("miss")

        def count(hit: bool) -> None:
            (hits if hit else misses).inc()

        return count

    def size_measurement(self, cache: CacheName, size_bytes: Callable[[], float]) -> Measurement:
        """Return the measurement of a cache's size."""

        async def measure() -> Sequence[Sample]:
            return [(self.size.labels(cache), size_bytes())]

        return measure


class WebhookMetrics:
    """Requests to webhooks, and webhooks that were disabled automatically."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration = Histogram(
            "echo_webhook_request_duration_seconds",
            "Duration of requests to webhooks, by outcome: delivered, address_refused, name_not_resolved, connection_failed, "
            "tls_failed, timed_out, invalid_response, redirected or refused.",
            ["outcome"],
            registry=registry,
            buckets=_WEBHOOK_BUCKETS,
        )
        self.deliveries = Counter(
            "echo_webhook_deliveries",
            "Deliveries that ended with a request, by outcome: delivered, or failed after the last one.",
            ["outcome"],
            registry=registry,
        )
        self.disabled = Counter(
            "echo_webhooks_disabled",
            "Webhooks disabled automatically, by reason: gone or failing.",
            ["reason"],
            registry=registry,
        )


class Metrics(Collector):
    """All metrics of a process. Services in one process share them and differ by label."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.http = HttpMetrics(self.registry)
        self.bus = BusMetrics(self.registry)
        self.tasks = TaskMetrics(self.registry)
        self.engines = EngineMetrics(self.registry)
        self.chat = ChatMetrics(self.registry)
        self.talk = TalkMetrics(self.registry)
        self.group_sessions = GroupSessionMetrics(self.registry)
        self.caches = CacheMetrics(self.registry)
        self.webhooks = WebhookMetrics(self.registry)
        ProcessCollector(registry=self.registry)
        self._measurements: list[_RegisteredMeasurement] = []
        self._measured_at = -math.inf
        self._measuring: asyncio.Future[list[None]] | None = None

    @contextmanager
    def measuring(self, measurement: Measurement) -> Iterator[None]:
        """Take a measurement whenever the metrics are read, while the context lasts."""
        measured = _RegisteredMeasurement(measurement)
        self._measurements.append(measured)
        self._measured_at = -math.inf
        try:
            yield
        finally:
            self._measurements.remove(measured)

    async def measure(self) -> None:
        """Take all measurements concurrently, each for at most five seconds, unless they are less than a second old.

        A failed measurement is logged, and its gauges have no value (NaN). Joins measurements in progress.
        """
        if self._measuring is None or self._measuring.done():
            if monotonic() - self._measured_at < _MEASUREMENT_REUSE_SECONDS:
                return
            self._measuring = asyncio.gather(*(measured.take() for measured in self._measurements))
        await asyncio.shield(self._measuring)
        self._measured_at = monotonic()

    async def exposition(self) -> bytes:
        """Measure, and return all metrics in the text format of Prometheus."""
        await self.measure()
        return await asyncio.to_thread(generate_latest, self)  # tens of milliseconds

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, without the times at which their series were created, which would double their number."""
        for metric in self.registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class _RegisteredMeasurement:
    """A measurement, and the gauges that it has set."""

    def __init__(self, measurement: Measurement) -> None:
        self._measurement = measurement
        self._errors = current_reports.get()
        self._gauges: set[Gauge] = set()

    async def take(self) -> None:
        try:
            async with asyncio.timeout(_MEASUREMENT_TIMEOUT_SECONDS):
                samples = await self._measurement()
        except Exception as error:  # the other metrics are needed most during an outage
            log.warning("measurement_failed", error=repr(error))
            if self._errors is not None and is_failure(error) and not isinstance(error, TimeoutError):
                self._errors.report("background", "measurement", error)
            samples = [(gauge, math.nan) for gauge in self._gauges]
        for gauge, value in samples:
            gauge.set(value)
        self._gauges.update(gauge for gauge, _ in samples)
