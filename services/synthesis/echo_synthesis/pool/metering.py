"""Metering of synthesised speech and of the providers' billed units."""

import structlog

from echo_common.telemetry import Metrics
from echo_synthesis.engine import Speech


class Meter:
    """Meter of the engines' speech."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = structlog.get_logger("echo.meter")

    def __call__(self, engine: str, speech: Speech) -> None:
        """Count one utterance."""
        self._metrics.speech_seconds.labels(engine).inc(speech.duration)
        for unit, count in speech.cost.items():
            self._metrics.engine_cost.labels(engine, unit).inc(count)
        if speech.cost:
            self._log.info("speech_metered", engine=engine, seconds=round(speech.duration, 2), **speech.cost)
