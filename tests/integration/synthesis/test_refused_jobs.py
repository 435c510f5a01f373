"""Jobs with an unavailable engine wait as long as its provider requests, or fail with a remedy."""

from datetime import timedelta

import pytest

from echo_common.bus.port import Message
from echo_common.clock import now
from echo_common.contracts.errors.synthesis import EngineUnavailableError
from echo_common.contracts.events.synthesis import JobProgressed
from echo_common.contracts.http.synthesis import SpeechConfig, SynthesizeRequest
from echo_common.contracts.values import JobStatus
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Job, SpeechSettings
from echo_synthesis.usecases.audio import find_audio
from echo_synthesis.usecases.jobs import queue_job
from echo_synthesis.usecases.speech import synthesize
from tests.support import fish_server, gemini_server
from tests.support.eventually import eventually
from tests.support.provider import Answer, Provider, Reply
from tests.support.synthesis_replica import Replica, principal_of

ALICE = principal_of("usr_alice")
CLOUD = {"engines": ("tone", "gemini"), "cache_bytes": 0, "recogniser": "off"}
FISH = f"fish_{fish_server.KNOWN}"


async def queued(voice: str, deps: Dependencies, text: str = "One. Two.") -> Job:
    job = await queue_job(text, voice, SpeechConfig(), ALICE, deps)
    deps.worker.wake()
    return job


async def until(job: Job, deps: Dependencies, *wanted: JobStatus, attempt: int = 1) -> Job:
    async def reached() -> bool:
        held = await deps.jobs.get(job.id)
        return held.status in wanted and held.attempt >= attempt

    await eventually(reached, within=30)
    return await deps.jobs.get(job.id)


@pytest.mark.parametrize(
    ("engine", "refusal", "told"),
    [
        ("gemini", gemini_server.bad_key, "ECHO_SYNTHESIS_GEMINI_API_KEY"),
        ("fish", fish_server.error(402, "Payment required"), "no credit"),
    ],
    ids=["gemini: bad key", "fish: no credit"],
)
async def test_permanent_refusals_fail_the_job_with_a_reason(
    engine: str, refusal: Answer, told: str, request: pytest.FixtureRequest, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider: Provider = request.getfixturevalue(engine)
    provider.forget()
    monkeypatch.setattr(provider, "usually", refusal)
    async with replica(**{**CLOUD, "engines": ("tone", engine)}) as deps:
        job = await until(await queued({"gemini": "gemini_kore", "fish": FISH}[engine], deps), deps, JobStatus.FAILED)
        assert (job.error_code, job.attempt) == ("ENGINE_UNAVAILABLE", 1)
        assert told in str(job.error_message)
        assert len(provider.asked) <= 2, "once a sentence"


async def test_jobs_continue_after_the_pause_that_a_provider_requests(
    gemini: Provider, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with replica(**CLOUD) as deps:
        with monkeypatch.context() as busy:
            busy.setattr(gemini, "usually", gemini_server.error(503, "UNAVAILABLE", "overloaded", retry_after="600"))
            job = await until(await queued("gemini_kore", deps), deps, JobStatus.PENDING)
        assert job.not_before is not None
        assert timedelta(seconds=590) < job.not_before - now() <= timedelta(seconds=600)
        assert "overloaded" in str(job.error_message)
        assert not await deps.jobs.pending(9, {}), "no worker may have it yet"

        await deps.jobs.update(job.id, lambda held: setattr(held, "not_before", now()))
        deps.worker.wake()
        done = await until(job, deps, JobStatus.COMPLETED)
        assert (done.attempt, done.error_message) == (2, None)


async def test_a_missing_key_fails_jobs_and_requests_alike(
    gemini: Provider, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ECHO_SYNTHESIS_GEMINI_API_KEY")
    async with replica(**CLOUD) as deps:
        request = SynthesizeRequest(text="One.", voice_id="gemini_kore", config=SpeechConfig())
        with pytest.raises(EngineUnavailableError, match="set ECHO_SYNTHESIS_GEMINI_API_KEY") as refused:
            await synthesize(request, ALICE, deps)
        earlier = SpeechSettings(voice_id="gemini_kore", engine="gemini", language="en-US")
        job = Job.queue("usr_alice", "One.", earlier, word_count=1, units_total=1)
        await deps.jobs.add(job)
        deps.worker.wake()
        failed = await until(job, deps, JobStatus.FAILED)
        assert (failed.error_code, failed.error_message) == (refused.value.code, refused.value.message)


async def test_a_fallback_restarts_the_job_without_decreasing_its_progress(
    gemini: Provider, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = 12
    text = " ".join(f"Sentence {number}." for number in range(sentences)) + " Finally tone-slow-700."
    heard: list[Message] = []

    def failing_late(reply: Reply) -> None:
        answer = gemini_server.throttled("600s") if "Finally" in gemini_server.text_of(reply.asked) else gemini_server.speak
        answer(reply)

    monkeypatch.setattr(gemini, "usually", failing_late)
    async with replica(**CLOUD, fallback={"gemini": "tone_low"}, heard=heard) as deps:
        done = await until(await queued("gemini_kore", deps, text), deps, JobStatus.COMPLETED)
        audio = await find_audio(str(done.audio_id), ALICE, deps)
        assert (audio.settings.engine, audio.settings.fallback_from) == ("tone", "gemini")
        assert (done.units_done, done.units_total) == (sentences + 1, sentences + 1)
        told = [JobProgressed.model_validate_json(message.body) for message in heard if message.topic == JobProgressed.topic]
        shares = [event.units_done / event.units_total for event in told]
        assert shares == sorted(set(shares))
        assert shares[-1] <= 1
