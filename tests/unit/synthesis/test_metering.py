"""Synthesised seconds are counted, and costs are logged."""

import numpy as np
from structlog.testing import capture_logs

from echo_common.telemetry import Metrics
from echo_synthesis.engine import Speech
from echo_synthesis.pool.metering import Meter


def speech(cost: dict[str, int]) -> Speech:
    return Speech(np.zeros(32_000, np.float32), 16_000, (), "model", cost)


def test_seconds_and_cost_are_counted_by_engine_and_unit() -> None:
    metrics = Metrics()
    meter = Meter(metrics)
    with capture_logs() as logged:
        meter("gemini", speech({"input_tokens": 7, "output_tokens": 40}))
        meter("gemini", speech({"input_tokens": 5, "output_tokens": 20}))
        meter("piper", speech({}))
    value = metrics.registry.get_sample_value
    assert value("echo_engine_cost_total", {"engine": "gemini", "unit": "output_tokens"}) == 60
    assert value("echo_engine_cost_total", {"engine": "gemini", "unit": "input_tokens"}) == 12
    assert value("echo_speech_seconds_total", {"engine": "piper"}) == 2
    assert [(line["event"], line["engine"], line["output_tokens"]) for line in logged] == [
        ("speech_metered", "gemini", 40),
        ("speech_metered", "gemini", 20),
    ]
