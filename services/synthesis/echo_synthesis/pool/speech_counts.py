"""Counts of speech by engine and hour, which are published as events every few seconds."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from echo_common.contracts.events.synthesis import EngineUse, SpeechMeasured
from echo_synthesis.engine import Speech

_HOUR: Final = 3600
_CACHE: Final = ""


@dataclass(slots=True)
class _Count:
    segments: int = 0
    audio_seconds: float = 0.0
    compute_seconds: float = 0.0
    cache_hits: int = 0
    cache_misses: int = 0


class SpeechCounts:
    """The counts of this process that are not published yet."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str], _Count] = {}

    def count_speech(self, engine: str, speech: Speech) -> None:
        """Count an utterance of an engine."""
        found = self._count_of(engine)
        found.segments += 1
        found.audio_seconds += speech.duration
        found.compute_seconds += speech.synthesis_seconds

    def count_lookup(self, found: bool) -> None:
        """Count a lookup in the speech cache."""
        count = self._count_of(_CACHE)
        count.cache_hits += found
        count.cache_misses += not found

    def collect(self) -> Sequence[SpeechMeasured]:
        """Return the event of the counts, and forget them."""
        counts, self._counts = self._counts, {}
        uses = [
            EngineUse(
                engine=engine,
                hour=datetime.fromtimestamp(hour * _HOUR, UTC),
                segments=count.segments,
                audio_milliseconds=round(count.audio_seconds * 1000),
                compute_milliseconds=round(count.compute_seconds * 1000),
                cache_hits=count.cache_hits,
                cache_misses=count.cache_misses,
            )
            for (hour, engine), count in counts.items()
        ]
        return [SpeechMeasured(uses=tuple(uses))] if uses else []

    def _count_of(self, engine: str) -> _Count:
        return self._counts.setdefault((int(time.time()) // _HOUR, engine), _Count())
