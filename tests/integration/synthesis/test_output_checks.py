"""Output of an engine that cannot be right is a failure of the engine: never heard, stored, cached or counted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.synthesis import EngineFailedError
from echo_common.contracts.http.synthesis import SpeechConfig, SynthesizeRequest
from echo_common.contracts.values import JobStatus
from echo_synthesis import usecases
from echo_synthesis.engine import Speech, Utterance
from echo_synthesis.enginepool import EnginePool, PoolConfig
from echo_synthesis.engines.tone import SPEC as TONE
from echo_synthesis.handlers import Dependencies
from echo_synthesis.text.words import find_words
from tests.support import gemini_server as answers
from tests.support.eventually import eventually
from tests.support.provider import Provider
from tests.support.studio import Replica, somebody

ALICE: Principal = somebody("usr_alice")
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


def ask(text: str) -> SynthesizeRequest:
    return SynthesizeRequest(text=text, voice_id="tone_low", config=SpeechConfig(normalize=False))


def utter(text: str) -> Utterance:
    return Utterance(text, tuple(find_words(text, 100)), "tone_low", "en-US")


class Heard:
    """What a meter hears."""

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


async def test_output_that_cannot_be_right_is_refused_and_not_metered(make: Make) -> None:
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
async def test_a_process_that_has_gone_wrong_is_replaced_and_its_request_is_spoken(make: Make, workers: int) -> None:
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


async def test_nothing_is_kept_of_speech_that_was_refused(replica: Replica) -> None:
    async with replica() as deps:
        for fault in ("tone-nan", "tone-silence", "tone-short", "tone-late"):
            with pytest.raises(EngineFailedError):
                await usecases.synthesize(
                    ask(f"A first sentence is well. This {fault} is not well at all."), ALICE, deps.studio
                )
        await deps.studio.cache.settled()
        assert await audio_objects(deps) == []
        assert await cached(deps) == 1  # the sentence that was well


async def test_a_job_whose_engine_gives_silence_fails(replica: Replica) -> None:
    async with replica() as deps:
        job = await usecases.queue_job(
            "This is tone-silence only.", "tone_low", SpeechConfig(normalize=False), ALICE, deps.studio
        )
        deps.worker.ring()

        async def failed() -> bool:
            return (await usecases.find_job(job.id, ALICE, deps.studio)).status == JobStatus.FAILED

        await eventually(failed)
        found = await usecases.find_job(job.id, ALICE, deps.studio)
        assert found.error_code == "ENGINE_FAILED"
        assert await audio_objects(deps) == []


async def test_a_stream_that_has_not_begun_fails_and_one_that_has_breaks(replica: Replica) -> None:
    async with replica() as deps:
        with pytest.raises(EngineFailedError):
            await anext(await usecases.stream_speech(ask("This is tone-nan at once."), ALICE, deps.studio))
        parts = await usecases.stream_speech(ask("A sentence that is well. Then tone-nan comes."), ALICE, deps.studio)
        async with aclosing(parts):
            assert (await anext(parts)).audio
            with pytest.raises(EngineFailedError):
                async for _ in parts:
                    pass


async def test_the_fallback_voice_speaks_where_a_provider_gives_silence(
    gemini: Provider, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gemini, "usually", answers.silent)
    async with replica(engines=("tone", "gemini"), recogniser="off", fallback={"gemini": "tone_low"}) as deps:
        request = SynthesizeRequest(text="Nobody hears this.", voice_id="gemini_kore", config=SpeechConfig())
        audio = await usecases.synthesize(request, ALICE, deps.studio)
        assert (audio.settings.engine, audio.settings.fallback_from) == ("tone", "gemini")


async def audio_objects(deps: Dependencies) -> list[str]:
    return [key async for key in deps.studio.objects.keys("audio/")]


async def cached(deps: Dependencies) -> int:
    return len([key async for key in deps.studio.objects.keys("speech/")])
