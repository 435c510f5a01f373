"""Invalid output is a failure of the engine: never sent, stored, cached or counted."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.synthesis import EngineFailedError
from echo_common.contracts.http.synthesis import SpeechConfig, SynthesizeRequest
from echo_common.contracts.values import AudioFormat, JobStatus, Metric, NotTranscribed
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import SpeechSettings
from echo_synthesis.engine import Speech, Utterance
from echo_synthesis.engines.tone import SPEC as TONE
from echo_synthesis.pipeline.narration import Narration, Narrator, SpokenSegment
from echo_synthesis.pipeline.recording import Recorder
from echo_synthesis.pool.engine_pool import EnginePool, PoolConfig
from echo_synthesis.text.words import find_words
from echo_synthesis.usecases.jobs import find_job, queue_job
from echo_synthesis.usecases.planning import plan_speech
from echo_synthesis.usecases.speech import stream_speech, synthesize
from tests.support import gemini_server as answers
from tests.support.eventually import eventually
from tests.support.provider import Provider
from tests.support.synthesis_replica import Replica, principal_of

ALICE: Principal = principal_of("usr_alice")
FAULTS = [
    "tone-nan",
    "tone-inf",
    "tone-silence",
    "tone-loud",
    "tone-short",
    "tone-long",
    "tone-cut",
    "tone-quiet-end",
    "tone-late",
    "tone-backwards",
    "tone-timeless",
    "tone-nan-time",
    "tone-rate",
]
BILLED = (Metric.SYNTHESES, Metric.CHARACTERS, Metric.AUDIO_SECONDS)


def ask(text: str) -> SynthesizeRequest:
    return SynthesizeRequest(text=text, voice_id="tone_low", config=SpeechConfig(normalize=False))


def utter(text: str) -> Utterance:
    return Utterance(text, tuple(find_words(text, 100)), "tone_low", "en-US")


class Heard:
    """A meter that records its calls."""

    def __init__(self) -> None:
        self.speeches: list[Speech] = []

    def __call__(self, _: str, speech: Speech) -> None:
        self.speeches.append(speech)


Make = Callable[..., EnginePool]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    pools: list[EnginePool] = []

    def make(workers: int, heard: Heard) -> EnginePool:
        pools.append(EnginePool({"tone": TONE}, PoolConfig(tmp_path, workers=workers), heard))
        return pools[-1]

    yield make
    await asyncio.gather(*(pool.close() for pool in pools))


async def test_invalid_output_is_refused_and_not_metered(make: Make) -> None:
    heard = Heard()
    pool = make(2, heard)
    for fault in FAULTS:
        with pytest.raises(EngineFailedError) as refused:
            await pool.speak("tone", utter(f"These words are as usual but {fault} is among them."))
        assert (refused.value.code, refused.value.status) == ("ENGINE_FAILED", 500), fault
        assert "echoctl doctor" in refused.value.message
    assert heard.speeches == []
    assert pool.health()["tone"].restarts == 1  # a text alone costs a new process once in a while, not each time
    assert (await pool.speak("tone", utter("All is well."))).words


@pytest.mark.parametrize("workers", [1, 2])
async def test_faulty_workers_are_replaced_and_their_request_is_repeated(make: Make, workers: int) -> None:
    heard = Heard()
    pool = make(workers, heard)
    await pool.start("tone")
    await pool.speak("tone", utter("tone-sicken"))
    speech = await pool.speak("tone", utter("All is well again."))
    assert speech.samples.any()
    assert len(heard.speeches) == 2
    await eventually(lambda: pool.health()["tone"].workers_busy == 0)
    assert pool.health()["tone"].restarts == 1
    assert (await pool.speak("tone", utter("And stays so."))).samples.any()
    assert pool.health()["tone"].restarts == 1


async def test_refused_speech_is_not_stored(replica: Replica) -> None:
    async with replica() as deps:
        for fault in ("tone-nan", "tone-silence", "tone-short", "tone-late"):
            with pytest.raises(EngineFailedError):
                await synthesize(ask(f"A first sentence is well. This {fault} is not well at all."), ALICE, deps)
        await deps.cache.wait_for_writes()
        assert await audio_objects(deps) == []
        assert await cached(deps) == 1  # the sentence that was well


async def test_refused_speech_is_neither_counted_nor_cached(replica: Replica) -> None:
    async with replica() as deps:
        for fault in FAULTS:
            with pytest.raises(EngineFailedError):
                await synthesize(ask(f"These words are as usual but {fault} is among them."), ALICE, deps)
        await deps.cache.wait_for_writes()
        used = await deps.quotas.usage(ALICE)
        assert {metric: used[metric] for metric in BILLED} == dict.fromkeys(BILLED, 0)
        assert (await cached(deps), await audio_objects(deps)) == (0, [])


async def test_jobs_with_silent_output_fail(replica: Replica) -> None:
    async with replica() as deps:
        job = await queue_job("This is tone-silence only.", "tone_low", SpeechConfig(normalize=False), ALICE, deps)
        deps.worker.wake()

        async def failed() -> bool:
            return (await find_job(job.id, ALICE, deps)).status == JobStatus.FAILED

        await eventually(failed)
        found = await find_job(job.id, ALICE, deps)
        assert found.error_code == "ENGINE_FAILED"
        assert await audio_objects(deps) == []


async def test_engine_failures_refuse_new_streams_and_break_started_ones(replica: Replica) -> None:
    async with replica() as deps:
        with pytest.raises(EngineFailedError):
            await anext(await stream_speech(ask("This is tone-nan at once."), ALICE, deps))
        parts = await stream_speech(ask("A sentence that is well. Then tone-nan comes."), ALICE, deps)
        async with aclosing(parts):
            assert (await anext(parts)).audio
            with pytest.raises(EngineFailedError):
                async for _ in parts:
                    pass


async def test_the_fallback_voice_replaces_silent_output(
    gemini: Provider, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gemini, "usually", answers.silent)
    async with replica(engines=("tone", "gemini"), recogniser="off", fallback={"gemini": "tone_low"}) as deps:
        request = SynthesizeRequest(text="Nobody hears this.", voice_id="gemini_kore", config=SpeechConfig())
        audio = await synthesize(request, ALICE, deps)
        assert (audio.settings.engine, audio.settings.fallback_from) == ("tone", "gemini")


class TestTheWhole:
    """Invalid audio between engine and encoder is never committed."""

    @staticmethod
    def recorder(deps: Dependencies, spoil: Callable[[SpokenSegment], SpokenSegment]) -> Recorder:
        narrator = SpoilingNarrator(deps.recorder, spoil)
        return Recorder(narrator, deps.objects, deps.provenance, deps.recorder._scratch)

    @pytest.mark.parametrize("fault", ["nan", "silent", "late", "backwards"])
    async def test_invalid_audio_is_not_stored(self, replica: Replica, fault: str) -> None:
        async with replica() as deps:
            narration = await plan_of("Two sentences are spoken. Both are well.", deps)
            with pytest.raises(EngineFailedError):
                await self.recorder(deps, SPOILT[fault]).record(narration, user_id="usr_alice", synthesis_id="syn_1")
            assert await audio_objects(deps) == []

    @pytest.mark.parametrize("fault", ["nan", "late", "backwards"])
    async def test_invalid_streams_fail_before_the_first_byte(self, replica: Replica, fault: str) -> None:
        async with replica() as deps:
            narration = await plan_of("Two sentences are spoken. Both are well.", deps)
            with pytest.raises(EngineFailedError):
                await anext(self.recorder(deps, SPOILT[fault]).stream(narration, user_id="usr_alice"))

    async def test_silent_streams_break_off_at_the_end(self, replica: Replica) -> None:
        async with replica() as deps:
            narration = await plan_of("Two sentences are spoken. Both are well.", deps)
            with pytest.raises(EngineFailedError, match="silent"):
                async for _ in self.recorder(deps, SPOILT["silent"]).stream(narration, user_id="usr_alice"):
                    pass

    async def test_quiet_speech_at_low_volume_is_accepted(self, replica: Replica) -> None:
        async with replica() as deps:
            narration = await plan_of("This is spoken softly.", deps, SpeechConfig(volume=0.1))
            quiet = _samples(lambda samples: samples * np.float32(0.1))  # beeps have 0.3, twenty times what is silence
            recorder = self.recorder(deps, quiet)
            assert (await recorder.record(narration, user_id="usr_alice", synthesis_id="syn_1")).duration > 0

    async def test_requested_silence_is_accepted(self, replica: Replica) -> None:
        async with replica() as deps:
            config = SpeechConfig(volume=0.0)
            request = SynthesizeRequest(text="Nobody hears this.", voice_id="tone_low", config=config)
            assert (await synthesize(request, ALICE, deps)).duration > 0


async def test_streams_and_files_have_the_same_unclipped_samples(replica: Replica) -> None:
    text = "A sentence with a tone-peak in it. A second one as loud."
    config = SpeechConfig(output_format=AudioFormat.PCM, normalize=False, volume=2.0, pitch=1.1)
    request = SynthesizeRequest(text=text, voice_id="tone_low", config=config)
    async with replica() as deps:
        audio = await synthesize(request, ALICE, deps)
        stored = b"".join([block async for block in deps.objects.read(audio.object_key)])
        streamed = b"".join([part.audio async for part in await stream_speech(request, ALICE, deps)])
    assert streamed == stored
    assert 0.8 < np.abs(np.frombuffer(stored, "<i2")).max() / 32767 <= 10 ** (-1 / 20) + 1 / 32767


class SpoilingNarrator(Narrator):
    """A narrator that changes segments."""

    def __init__(self, recorder: Recorder, spoil: Callable[[SpokenSegment], SpokenSegment]) -> None:
        self._true = recorder._narrator
        self._spoil = spoil

    def reason_without_transcript(self, settings: SpeechSettings) -> NotTranscribed | None:
        return "not_requested"

    async def speak(
        self, narration: Narration, *, low_latency: bool = False, anew: bool = False
    ) -> AsyncGenerator[SpokenSegment, None]:
        async for segment in self._true.speak(narration, low_latency=low_latency, anew=anew):
            yield self._spoil(segment)


def _samples(change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Callable[[SpokenSegment], SpokenSegment]:
    return lambda segment: replace(segment, speech=replace(segment.speech, samples=change(segment.speech.samples)))


def _shifted(seconds: float) -> Callable[[SpokenSegment], SpokenSegment]:
    def shift(segment: SpokenSegment) -> SpokenSegment:
        moved = [word.model_copy(update={"start": word.start + seconds, "end": word.end + seconds}) for word in segment.words]
        return replace(segment, words=moved)

    return shift


SPOILT: Mapping[str, Callable[[SpokenSegment], SpokenSegment]] = {
    "nan": _samples(lambda samples: samples * np.float32(np.nan)),
    "silent": _samples(np.zeros_like),
    "late": _shifted(100.0),
    "backwards": lambda segment: replace(segment, words=segment.words[::-1]),
}


async def plan_of(text: str, deps: Dependencies, config: SpeechConfig | None = None) -> Narration:
    return await plan_speech(text, "tone_low", config or SpeechConfig(), "usr_alice", deps)


async def audio_objects(deps: Dependencies) -> list[str]:
    return [key async for key in deps.objects.keys("audio/")]


async def cached(deps: Dependencies) -> int:
    return len([key async for key in deps.objects.keys("speech/")])
