"""Synthesised seconds are counted, and costs are logged."""

from unittest.mock import create_autospec

import numpy as np
from structlog.testing import capture_logs

from echo_common.contracts.errors.synthesis import EngineCrashedError
from echo_common.metrics import Metrics
from echo_synthesis.engine import Speech
from echo_synthesis.pool.engine_pool import EngineHealth, EnginePool
from echo_synthesis.pool.metering import Meter


def speech(cost: dict[str, int], synthesis_seconds: float = 0.0) -> Speech:
    return Speech(np.zeros(32_000, np.float32), 16_000, (), "model", cost, synthesis_seconds=synthesis_seconds)


def test_seconds_and_cost_are_counted_by_engine_and_unit() -> None:
    metrics = Metrics()
    meter = Meter(metrics.engines)
    with capture_logs() as logged:
        meter.count_speech("gemini", speech({"input_tokens": 7, "output_tokens": 40}))
        meter.count_speech("gemini", speech({"input_tokens": 5, "output_tokens": 20}))
        meter.count_speech("piper", speech({}))
    value = metrics.registry.get_sample_value
    assert value("echo_engine_cost_total", {"engine": "gemini", "unit": "output_tokens"}) == 60
    assert value("echo_engine_cost_total", {"engine": "gemini", "unit": "input_tokens"}) == 12
    assert value("echo_engine_speech_seconds_total", {"engine": "piper"}) == 2
    assert [(line["event"], line["engine"], line["output_tokens"]) for line in logged] == [
        ("speech_metered", "gemini", 40),
        ("speech_metered", "gemini", 20),
    ]


def test_the_real_time_factor_is_synthesis_time_divided_by_duration() -> None:
    metrics = Metrics()
    meter = Meter(metrics.engines)
    meter.count_speech("piper", speech({}, synthesis_seconds=0.5))
    meter.count_speech("piper", speech({}, synthesis_seconds=1.5))
    value, engine = metrics.registry.get_sample_value, {"engine": "piper"}
    assert value("echo_engine_real_time_factor_ratio_sum", engine) == 1.0
    assert value("echo_engine_real_time_factor_ratio_count", engine) == 2
    assert value("echo_engine_synthesis_seconds_total", engine) == 2.0


def test_failures_are_counted_by_error_code() -> None:
    metrics = Metrics()
    Meter(metrics.engines).count_failure("piper", EngineCrashedError())
    labels = {"engine": "piper", "code": "ENGINE_CRASHED"}
    assert metrics.registry.get_sample_value("echo_engine_failures_total", labels) == 1


async def test_the_states_of_engine_processes_add_up() -> None:
    meter = Meter(Metrics().engines)
    pool = create_autospec(EnginePool, instance=True)
    pool.health.return_value = {
        "piper": EngineHealth("ready", workers_alive=3, workers_busy=2, workers_prepared=0, queued=0, restarts=0)
    }
    states = {gauge._labelvalues[-1]: value for gauge, value in await meter.measure(pool) if len(gauge._labelvalues) == 2}
    assert states == {"idle": 1, "busy": 2}
