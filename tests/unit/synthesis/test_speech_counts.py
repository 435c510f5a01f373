"""Speech and lookups in the speech cache are counted by engine and hour."""

from datetime import UTC, datetime

import numpy as np

from echo_synthesis.engine import Speech
from echo_synthesis.pool.speech_counts import SpeechCounts


def test_counts_are_collected_once() -> None:
    counts = SpeechCounts()
    speech = Speech(np.zeros(24_000, np.float32), 16_000, (), "model", synthesis_seconds=0.25)
    before = datetime.now(UTC)
    for _ in range(3):
        counts.count_speech("tone", speech)
    counts.count_lookup(True)
    counts.count_lookup(False)
    counts.count_lookup(False)
    (event,) = counts.collect()
    tone, cache = event.uses
    assert (tone.engine, tone.segments, tone.audio_milliseconds, tone.compute_milliseconds) == ("tone", 3, 4_500, 750)
    assert (cache.engine, cache.segments, cache.cache_hits, cache.cache_misses) == ("", 0, 1, 2)
    assert 0 <= (before - tone.hour).total_seconds() < 3_600
    assert counts.collect() == []
