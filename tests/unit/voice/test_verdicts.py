"""Tests of the verdicts on measures of a sample."""

from typing import Any

import pytest

from echo_voice.domain.values import Measures
from echo_voice.domain.verdicts import judge

GOOD: dict[str, Any] = {
    "duration": 30.0,
    "speech_seconds": 25.0,
    "snr": 30.0,
    "clipping": 0.0,
    "loudness": -20.0,
    "mos": 3.2,
    "speakers": 1,
    "sample_rate": 24_000,
    "channels": 1,
}


def verdicts(**change: Any) -> dict[str, str]:
    return {found.measure: found.verdict for found in judge(Measures(**GOOD | change))}


@pytest.mark.slow
def test_good_samples_pass_every_measure() -> None:
    assert set(verdicts().values()) == {"good"}


@pytest.mark.parametrize(
    ("measure", "fair", "poor", "worst", "word"),
    [
        ("speech_seconds", 15.0, 5.0, 1.0, "rejected"),
        ("snr", 15.0, 5.0, 0.0, "rejected"),
        ("clipping", 0.001, 0.02, 0.2, "rejected"),
        ("loudness", -40.0, -50.0, -70.0, "poor"),
        ("mos", 2.5, 2.0, 1.0, "poor"),
    ],
)
def test_each_measure_has_graded_verdicts(measure: str, fair: float, poor: float, worst: float, word: str) -> None:
    found = [verdicts(**{measure: value})[measure] for value in (fair, poor, worst)]
    assert found == ["fair", "poor", word]


def test_several_speakers_are_rejected_with_a_remedy() -> None:
    [found] = [verdict for verdict in judge(Measures(**GOOD | {"speakers": 2})) if verdict.measure == "speakers"]
    assert (found.verdict, "only one" in found.advice) == ("rejected", True)


@pytest.mark.slow
def test_missing_measurements_are_unknown_and_reject_nothing() -> None:
    found = verdicts(snr=None, mos=None, speakers=None, loudness=None)
    assert {name for name, word in found.items() if word == "unknown"} == {"snr", "mos", "speakers", "loudness"}
    assert "rejected" not in found.values()
