"""Metering of synthesised speech, of failures, and of the providers' billed units."""

from collections.abc import Sequence
from time import perf_counter

import structlog

from echo_common.errors import EchoError
from echo_common.metrics import EngineMetrics, Sample
from echo_synthesis.engine import Speech
from echo_synthesis.pool.engine_pool import EnginePool


class Meter:
    """Meter of engines."""

    def __init__(self, metrics: EngineMetrics) -> None:
        self._metrics = metrics
        self._restarts: dict[str, int] = {}
        self._log = structlog.get_logger("echo.meter")

    def count_speech(self, engine: str, speech: Speech) -> None:
        """Count an utterance."""
        self._metrics.speech_seconds.labels(engine).inc(speech.duration)
        self._metrics.synthesis_seconds.labels(engine).inc(speech.synthesis_seconds)
        if speech.duration and speech.synthesis_seconds:
            self._metrics.real_time_factor.labels(engine).observe(speech.synthesis_seconds / speech.duration)
        for unit, count in speech.cost.items():
            self._metrics.cost.labels(engine, unit).inc(count)
        if speech.cost:
            self._log.info("speech_metered", engine=engine, seconds=round(speech.duration, 2), **speech.cost)

    def count_failure(self, engine: str, error: EchoError) -> None:
        """Count an utterance that failed."""
        self._metrics.failures.labels(engine, error.code).inc()

    def observe_first_byte(self, engine: str, started: float) -> None:
        """Measure the time since a request for streamed speech arrived, at `started` by `perf_counter`."""
        self._metrics.first_byte.labels(engine).observe(perf_counter() - started)

    async def measure(self, pool: EnginePool) -> Sequence[Sample]:
        """Measure the queues and processes of the engines."""
        samples: list[Sample] = []
        for engine, health in pool.health().items():
            idle = health.workers_alive - health.workers_busy
            samples += [
                (self._metrics.queue_depth.labels(engine), health.queued),
                self._metrics.worker_count(engine, "idle", idle),
                self._metrics.worker_count(engine, "busy", health.workers_busy),
            ]
            self._metrics.restarts.labels(engine).inc(health.restarts - self._restarts.get(engine, 0))
            self._restarts[engine] = health.restarts
        return samples
