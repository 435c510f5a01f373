"""Counts of segments that stay bad, and a warning about voices for which many do."""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Final

import structlog

from echo_common.metrics import EngineMetrics
from echo_synthesis.engine import SegmentQuality

_SEGMENTS: Final = 20
"""Number of consecutive segments of a voice that are judged together."""

_MOST_BAD: Final = 10
"""Number of bad ones among them that false alarms, a share of 0.07 of single takes, do not reach by chance."""

_VOICES: Final = 1_000
"""Maximum number of voices whose counts are kept; those used longest ago are forgotten."""

_REMEDY: Final = "Listen to the voice: run `echoctl doctor` if it is bad; if it is good, do not request `quality_check` for it."


@dataclass(slots=True)
class _VoiceCounts:
    segments: int = 0
    bad: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    reported: bool = False


class QualityMonitor:
    """Counter of the segments that engines speak."""

    def __init__(self, metrics: EngineMetrics) -> None:
        self._metrics = metrics
        self._voices: OrderedDict[tuple[str, str], _VoiceCounts] = OrderedDict()
        self._log = structlog.get_logger("echo.quality")

    def count(self, engine: str, voice_id: str, quality: SegmentQuality) -> None:
        """Count a segment, after its last take. The first time that half of a voice's segments are bad, log a warning."""
        for problem in quality.problems:
            self._metrics.bad_segments.labels(engine, problem).inc()
        voice = self._voices.setdefault((engine, voice_id), _VoiceCounts())
        self._voices.move_to_end((engine, voice_id))
        if len(self._voices) > _VOICES:
            self._voices.popitem(last=False)
        voice.segments += 1
        voice.bad += bool(quality.problems)
        voice.problems.update(quality.problems)
        if voice.segments < _SEGMENTS:
            return
        if voice.bad >= _MOST_BAD and not voice.reported:
            voice.reported = True
            counts = {"segments": voice.segments, "bad": voice.bad, "problems": dict(voice.problems)}
            self._log.warning("segments_stay_bad", engine=engine, voice_id=voice_id, **counts, remedy=_REMEDY)
        voice.segments = voice.bad = 0
        voice.problems.clear()
