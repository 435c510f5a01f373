"""Segments that stay bad are counted by problem; a voice that is often bad is reported once."""

from typing import Any

from structlog.testing import capture_logs

from echo_common.metrics import Metrics
from echo_synthesis.engine import SegmentQuality
from echo_synthesis.quality.monitor import QualityMonitor

GOOD = SegmentQuality()
BAD = SegmentQuality(attempts=3, problems=("words",))


def reports(monitor: QualityMonitor, *qualities: SegmentQuality, voice_id: str = "af_heart") -> list[Any]:
    """Count segments and return the log entries."""
    with capture_logs() as logs:
        for quality in qualities:
            monitor.count("kokoro", voice_id, quality)
    return logs


def test_segments_that_stay_bad_are_counted_by_problem() -> None:
    metrics = Metrics()
    reports(QualityMonitor(metrics.engines), GOOD, BAD, SegmentQuality(attempts=3, problems=("silent", "words")))
    counted = {
        problem: metrics.registry.get_sample_value("echo_engine_bad_segments_total", {"engine": "kokoro", "problem": problem})
        for problem in ("silent", "words", "clipped")
    }
    assert counted == {"silent": 1, "words": 2, "clipped": None}


def test_a_voice_that_is_often_bad_is_reported_once() -> None:
    monitor = QualityMonitor(Metrics().engines)
    [report] = reports(monitor, *[BAD, GOOD] * 10)
    assert (report["event"], report["log_level"], report["voice_id"]) == ("segments_stay_bad", "warning", "af_heart")
    assert (report["segments"], report["bad"], report["problems"]) == (20, 10, {"words": 10})
    assert "echoctl doctor" in report["remedy"]
    assert reports(monitor, *[BAD] * 100) == []
    assert len(reports(monitor, *[BAD] * 20, voice_id="bf_emma")) == 1


def test_few_bad_segments_are_not_reported() -> None:
    monitor = QualityMonitor(Metrics().engines)
    assert reports(monitor, *[BAD] * 19) == []
    assert reports(QualityMonitor(Metrics().engines), *[*[BAD] * 9, *[GOOD] * 11] * 5) == []


def test_the_number_of_watched_voices_is_limited() -> None:
    monitor = QualityMonitor(Metrics().engines)
    reports(monitor, *[BAD] * 10)
    for number in range(1_000):
        reports(monitor, GOOD, voice_id=f"voice-{number}")
    assert reports(monitor, *[BAD] * 10) == []
    assert len(monitor._voices) == 1_000
