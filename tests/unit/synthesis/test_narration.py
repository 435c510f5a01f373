"""The first segment of a stream is synthesised alone until it is sent; segments count after their last take."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import numpy as np
import pytest

from echo_common.contracts.errors.synthesis import TooManyQueuedError
from echo_synthesis.domain import SpeechSettings
from echo_synthesis.engine import EngineSpec, SegmentQuality, Speech, Utterance, WordTime
from echo_synthesis.engines.tone import SPEC as TONE
from echo_synthesis.pipeline.narration import CountSegment, Narrator, plan
from echo_synthesis.pipeline.scripts import ScriptWriter
from echo_synthesis.settings import SynthesisSettings

TEXT = "The first sentence. The second one. The third one. The fourth one. The fifth one. The sixth one."


class Pool:
    """A pool that responds at once and records texts."""

    def __init__(self) -> None:
        self.spoken: list[str] = []

    def workers(self, engine: str) -> int:
        return 2

    async def speak(self, engine: str, utterance: Utterance, *, turn: object = ()) -> Speech:
        self.spoken.append(utterance.text)
        words = tuple(WordTime(0.0, 0.1) for _ in utterance.words)
        return Speech(np.full(2_400, 0.1, np.float32), TONE.sample_rate, words, "model")


class Cache:
    """A cache that stores nothing."""

    enabled = False

    def key(self, *_: object, **__: object) -> str:
        return ""

    async def get_or_create(
        self, key: str, voice: str, speak: Callable[[Speech | None], Awaitable[Speech]], *_: object, **__: object
    ) -> tuple[Speech, bool]:
        return await speak(None), False

    async def save_bad(self, *_: object) -> None:
        return None


class ClippingPool(Pool):
    """A pool whose speech is clipped, with a queue that is full for later takes."""

    def __init__(self, takes: int) -> None:
        super().__init__()
        self._takes = takes

    async def speak(self, engine: str, utterance: Utterance, *, turn: object = ()) -> Speech:
        if utterance.take >= self._takes:
            raise TooManyQueuedError
        speech = await super().speak(engine, utterance)
        hum = 2 * np.sin(2 * np.pi * 440 * np.arange(TONE.sample_rate) / TONE.sample_rate)
        return replace(speech, samples=np.clip(hum, -0.9, 0.9).astype(np.float32))


async def test_the_first_segment_of_a_stream_is_sent_before_the_second_starts() -> None:
    pool = Pool()
    units = await _units(pool, TONE, low_latency=True)
    await anext(units)
    await _everything_begun()
    assert pool.spoken == ["The first sentence."]
    await anext(units)
    await _everything_begun()
    assert len(pool.spoken) > 2
    assert [segment async for segment in units]
    assert len(pool.spoken) == 6


async def test_unread_streams_without_a_cache_synthesise_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echo_synthesis.pipeline.narration.UNREAD_SECONDS", 0.0)
    pool = Pool()
    units = await _units(pool, TONE, low_latency=True)
    async for _ in units:
        await _everything_begun()
    assert len(pool.spoken) == len(set(pool.spoken)) == 6


async def test_segments_are_synthesised_in_parallel_without_a_waiting_client() -> None:
    pool = Pool()
    units = await _units(pool, TONE, low_latency=False)
    await anext(units)
    await _everything_begun()
    assert len(pool.spoken) > 2
    await units.aclose()


async def test_loud_and_quiet_sentences_come_closer_in_loudness() -> None:
    class UnevenPool(Pool):
        async def speak(self, engine: str, utterance: Utterance, *, turn: object = ()) -> Speech:
            speech = await super().speak(engine, utterance)
            peak = 0.3 if "first" in utterance.text else 0.08
            hum = peak * np.sin(2 * np.pi * 440 * np.arange(TONE.sample_rate) / TONE.sample_rate)
            return replace(speech, samples=hum.astype(np.float32))

    spoken = [segment.speech async for segment in await _units(UnevenPool(), TONE, low_latency=False)]
    first, second = (float(np.abs(speech.samples).max()) for speech in spoken[:2])
    assert 1.0 < first / second < 1.6  # 3.75 before


@pytest.mark.parametrize(("takes", "counted"), [(3, 6), (2, 0), (1, 0)])
async def test_bad_segments_count_after_their_last_take(takes: int, counted: int) -> None:
    found: list[SegmentQuality] = []
    units = await _units(
        ClippingPool(takes), TONE, low_latency=False, count=lambda _engine, _voice, quality: found.append(quality)
    )
    qualities = [segment.speech.quality async for segment in units]
    assert qualities == [SegmentQuality(attempts=takes, problems=("clipped",))] * 6
    assert found == qualities[:counted]


async def _units(pool: Pool, engine: EngineSpec, *, low_latency: bool, count: CountSegment = lambda *_: None):
    settings = SpeechSettings(voice_id="tone_low", engine="tone", language="en-US")
    narration = await plan(TEXT, settings, engine, ScriptWriter(SynthesisSettings()))
    return Narrator(pool, Cache(), count=count).speak(narration, low_latency=low_latency)  # type: ignore[arg-type]


async def _everything_begun() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
