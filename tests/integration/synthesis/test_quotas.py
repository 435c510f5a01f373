"""Quotas of syntheses by plan: jobs, synchronous and streamed syntheses count alike."""

import asyncio
from math import ceil

import pytest

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.http.segments import RegenerateSegment
from echo_common.contracts.http.synthesis import JobChange, SpeechConfig, StreamRequest, SynthesizeRequest
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import AudioFormat, JobStatus, Metric, Plan
from echo_common.errors import EchoError
from echo_common.live_settings import LiveSettings
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Job
from echo_synthesis.usecases.jobs import cancel_job, delete_job, queue_job, retry_job, revise_job
from echo_synthesis.usecases.segments import regenerate_segment
from echo_synthesis.usecases.speech import stream_speech, synthesize
from tests.integration.synthesis.test_jobs import SLOW, until
from tests.support.eventually import eventually
from tests.support.synthesis_replica import Replica, principal_of

ADA = principal_of("usr_ada")
TEXT = "One sentence."


def limited(**limits: int) -> LiveSettings:
    return LiveSettings({QUOTAS[Metric(name)][Plan.USER].key: limit for name, limit in limits.items()})


async def used(deps: Dependencies, metric: Metric, principal: Principal = ADA) -> int:
    return (await deps.quotas.usage(principal))[metric]


async def speak(deps: Dependencies, text: str = TEXT) -> None:
    await synthesize(SynthesizeRequest(text=text, voice_id="tone_low"), ADA, deps)


async def stream(deps: Dependencies) -> None:
    parts = await stream_speech(StreamRequest(text=TEXT, voice_id="tone_low"), ADA, deps)
    assert [part async for part in parts]


async def test_syntheses_are_limited_per_day(replica: Replica) -> None:
    async with replica(live_settings=limited(syntheses=3)) as deps:
        await speak(deps)
        await stream(deps)
        await queue_job(TEXT, None, SpeechConfig(), ADA, deps)
        for attempt in (stream(deps), queue_job(TEXT, None, SpeechConfig(), ADA, deps)):
            with pytest.raises(QuotaExceededError):
                await attempt
        with pytest.raises(QuotaExceededError) as refused:
            await speak(deps)
        details = refused.value.details
        assert isinstance(details, dict)
        assert (details["metric"], details["limit"], details["used"]) == ("syntheses", 3, 3)
        assert details["resets_at"].endswith("T00:00:00Z")
        assert 0 < (refused.value.retry_after or 0) <= 86_400
        await synthesize(SynthesizeRequest(text=TEXT, voice_id="tone_low"), principal_of("usr_other"), deps)


async def test_parallel_syntheses_cannot_pass_the_limit_together(replica: Replica) -> None:
    async with replica(live_settings=limited(syntheses=3)) as deps:
        jobs = [queue_job(TEXT, None, SpeechConfig(), ADA, deps) for _ in range(10)]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert sum(isinstance(outcome, QuotaExceededError) for outcome in outcomes) == 7
        assert await used(deps, Metric.SYNTHESES) == 3


async def test_characters_and_seconds_are_counted(replica: Replica) -> None:
    async with replica(live_settings=limited(characters=30)) as deps:
        await speak(deps)
        assert await used(deps, Metric.CHARACTERS) == len(TEXT)
        assert await used(deps, Metric.AUDIO_SECONDS) > 0
        with pytest.raises(QuotaExceededError):
            await speak(deps, "A sentence that has more characters than are left today.")
        await stream(deps)


async def test_a_used_up_quota_of_seconds_refuses_the_next_synthesis(replica: Replica) -> None:
    async with replica(live_settings=limited(audio_seconds=1)) as deps:
        await speak(deps)
        with pytest.raises(QuotaExceededError):
            await speak(deps)


async def test_a_failed_synthesis_is_given_back(replica: Replica) -> None:
    async with replica() as deps:
        with pytest.raises(EchoError):
            await speak(deps, "tone-fail")
        assert (await used(deps, Metric.SYNTHESES), await used(deps, Metric.CHARACTERS)) == (0, 0)


async def test_cancelled_and_deleted_jobs_are_given_back(replica: Replica) -> None:
    async with replica(jobs_at_once=1) as deps:
        running = await queue_job(SLOW, None, SpeechConfig(), principal_of("usr_other"), deps)
        deps.worker.wake()
        await until(running, deps, JobStatus.PROCESSING)
        job, other = [await queue_job(TEXT, None, SpeechConfig(), ADA, deps) for _ in range(2)]
        assert await used(deps, Metric.SYNTHESES) == 2
        await cancel_job(job.id, ADA, deps)

        async def given_back() -> bool:
            return await used(deps, Metric.SYNTHESES) == 1

        await eventually(given_back)
        await delete_job(other.id, ADA, deps)
        assert await used(deps, Metric.SYNTHESES) == 0
        await retry_job(job.id, ADA, deps)
        assert await used(deps, Metric.SYNTHESES) == 1


async def test_seconds_of_a_job_are_counted_when_it_completes(replica: Replica) -> None:
    async with replica() as deps:
        job = await queue_job(TEXT, None, SpeechConfig(), ADA, deps)
        deps.worker.wake()
        await until(job, deps, JobStatus.COMPLETED)

        async def counted() -> bool:
            return await used(deps, Metric.AUDIO_SECONDS) > 0

        await eventually(counted)


async def test_parallel_syntheses_share_the_rest_of_a_quota_of_seconds(replica: Replica) -> None:
    text = TEXT * 12  # about ten seconds each
    async with replica(live_settings=limited(audio_seconds=25), jobs_at_once=1) as deps:
        running = await queue_job(SLOW, None, SpeechConfig(), principal_of("usr_other"), deps)
        deps.worker.wake()
        await until(running, deps, JobStatus.PROCESSING)
        jobs = [queue_job(text, None, SpeechConfig(), ADA, deps) for _ in range(10)]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert sum(isinstance(outcome, QuotaExceededError) for outcome in outcomes) == 7
        assert await used(deps, Metric.AUDIO_SECONDS) == 33


async def test_the_seconds_of_the_audio_replace_the_estimate(replica: Replica) -> None:
    async with replica() as deps:
        audio = await synthesize(SynthesizeRequest(text=TEXT * 12, voice_id="tone_low"), ADA, deps)
        assert await used(deps, Metric.AUDIO_SECONDS) == ceil(audio.duration)


async def test_a_changed_text_of_a_pending_job_is_counted_in_place_of_the_first(replica: Replica) -> None:
    async with replica(live_settings=limited(characters=2_000), jobs_at_once=1) as deps:
        running = await queue_job(SLOW, None, SpeechConfig(), principal_of("usr_other"), deps)
        deps.worker.wake()
        await until(running, deps, JobStatus.PROCESSING)
        job = await queue_job(TEXT, None, SpeechConfig(), ADA, deps)
        for text in ("A much longer sentence than that of before.", "Short."):
            await revise_job(job.id, JobChange(text_content=text), ADA, deps)
            assert await used(deps, Metric.CHARACTERS) == len(text)
            assert await used(deps, Metric.SYNTHESES) == 1
        with pytest.raises(QuotaExceededError):
            await revise_job(
                job.id, JobChange(text_content="A sentence that is longer than all of today's characters." * 50), ADA, deps
            )
        assert (await deps.jobs.get(job.id)).text == "Short."
        await cancel_job(job.id, ADA, deps)

        async def given_back() -> bool:
            return {await used(deps, metric) for metric in (Metric.CHARACTERS, Metric.AUDIO_SECONDS, Metric.SYNTHESES)} == {0}

        await eventually(given_back)


async def test_repeated_requests_of_a_job_count_once(replica: Replica) -> None:
    async with replica() as deps:
        for _ in range(3):
            await queue_job(TEXT, None, SpeechConfig(), ADA, deps, idempotency_key="once")
        assert await used(deps, Metric.SYNTHESES) == 1


async def test_pending_jobs_are_limited(replica: Replica) -> None:
    slow = "One tone-slow-600. Two tone-slow-600. Three tone-slow-600."
    async with replica(live_settings=limited(queued_jobs=2), jobs_at_once=1) as deps:
        jobs = [queue_job(slow, None, SpeechConfig(), ADA, deps) for _ in range(8)]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, QuotaExceededError)]
        assert len(refused) >= 4
        assert isinstance(refused[0].details, dict)
        assert (refused[0].details["metric"], refused[0].details["resets_at"]) == ("queued_jobs", None)
        assert await used(deps, Metric.SYNTHESES) == 8 - len(refused)


async def test_full_storage_refuses_syntheses_that_are_stored(replica: Replica) -> None:
    async with replica() as deps:
        await speak(deps)
    async with replica(live_settings=limited(storage_bytes=1)) as deps:
        with pytest.raises(QuotaExceededError):
            await speak(deps)
        await stream(deps)


async def test_parallel_syntheses_share_the_rest_of_the_storage(replica: Replica) -> None:
    text = TEXT * 12  # an estimate of half a megabyte each
    async with replica(live_settings=limited(storage_bytes=1_200_000)) as deps:
        outcomes = await asyncio.gather(*(speak(deps, text) for _ in range(8)), return_exceptions=True)
        assert [outcome for outcome in outcomes if outcome and not isinstance(outcome, QuotaExceededError)] == []
        assert outcomes.count(None) == 3
        audio = [found async for found in deps.audio.find({"user_id": ADA.user_id})]
        assert await used(deps, Metric.STORAGE_BYTES) == sum(found.size for found in audio)


async def test_pending_jobs_count_with_their_estimated_size(replica: Replica) -> None:
    text = TEXT * 12
    async with replica(live_settings=limited(storage_bytes=1_200_000), jobs_at_once=1) as deps:
        running = await queue_job(SLOW, None, SpeechConfig(), principal_of("usr_other"), deps)
        deps.worker.wake()
        await until(running, deps, JobStatus.PROCESSING)
        queued = [queue_job(text, None, SpeechConfig(), ADA, deps) for _ in range(8)]
        outcomes = await asyncio.gather(*queued, return_exceptions=True)
        jobs = [outcome for outcome in outcomes if isinstance(outcome, Job)]
        assert len(jobs) == 3
        with pytest.raises(QuotaExceededError):
            await speak(deps)

        await cancel_job(jobs[0].id, ADA, deps)
        await speak(deps)


@pytest.mark.parametrize(("keep_segments", "fitting"), [(True, 2), (False, 4)])
async def test_the_lossless_copy_of_lossy_audio_counts_before_the_synthesis(
    replica: Replica, keep_segments: bool, fitting: int
) -> None:
    config = SpeechConfig(output_format=AudioFormat.MP3)
    async with replica(live_settings=limited(storage_bytes=1_000_000), jobs_at_once=1, keep_segments=keep_segments) as deps:
        running = await queue_job(SLOW, None, SpeechConfig(), principal_of("usr_other"), deps)
        deps.worker.wake()
        await until(running, deps, JobStatus.PROCESSING)
        queued = [queue_job(TEXT * 12, None, config, ADA, deps) for _ in range(4)]
        outcomes = await asyncio.gather(*queued, return_exceptions=True)
        assert len([outcome for outcome in outcomes if isinstance(outcome, Job)]) == fitting


async def test_a_changed_text_of_a_pending_job_cannot_pass_the_storage(replica: Replica) -> None:
    text = TEXT * 12
    async with replica(live_settings=limited(storage_bytes=1_200_000), jobs_at_once=1) as deps:
        running = await queue_job(SLOW, None, SpeechConfig(), principal_of("usr_other"), deps)
        deps.worker.wake()
        await until(running, deps, JobStatus.PROCESSING)
        first, second = [await queue_job(text, None, SpeechConfig(), ADA, deps) for _ in range(2)]

        await revise_job(first.id, JobChange(text_content=text * 2), ADA, deps)
        assert await used(deps, Metric.STORAGE_BYTES) == await deps.jobs.expected_bytes(ADA.user_id)
        with pytest.raises(QuotaExceededError) as refused:
            await revise_job(second.id, JobChange(text_content=text * 2), ADA, deps)
        assert isinstance(refused.value.details, dict)
        assert refused.value.details["metric"] == "storage_bytes"
        assert (await deps.jobs.get(second.id)).text == text
        assert await used(deps, Metric.CHARACTERS) == 3 * len(text)

        await revise_job(first.id, JobChange(text_content=text), ADA, deps)
        await revise_job(second.id, JobChange(text_content=text * 2), ADA, deps)
        assert await used(deps, Metric.STORAGE_BYTES) == await deps.jobs.expected_bytes(ADA.user_id)


async def test_a_retried_replacement_counts_the_earlier_revision_too(replica: Replica) -> None:
    async with replica() as deps:
        audio = await synthesize(SynthesizeRequest(text="One. Two.", voice_id="tone_low"), ADA, deps)
        job = await regenerate_segment(audio.id, 0, RegenerateSegment(text="Now tone-silence."), ADA, deps, key=None)
        deps.worker.wake()
        await until(job, deps, JobStatus.FAILED)
        retried = await retry_job(job.id, ADA, deps)
        assert retried.counted_bytes == job.counted_bytes > audio.size


async def test_a_failed_synthesis_holds_no_storage(replica: Replica) -> None:
    async with replica() as deps:
        with pytest.raises(EchoError):
            await speak(deps, "tone-fail")
        assert await used(deps, Metric.STORAGE_BYTES) == 0


async def test_a_stream_that_its_client_never_reads_counts_nothing(replica: Replica) -> None:
    async with replica() as deps:
        request = StreamRequest(text=TEXT, voice_id="tone_low")
        unread = await stream_speech(request, ADA, deps)
        await unread.aclose()
        for moment in range(20):
            reading = asyncio.ensure_future(anext(parts := await stream_speech(request, ADA, deps)))
            for _ in range(moment):
                await asyncio.sleep(0)
            reading.cancel()
            [outcome] = await asyncio.gather(reading, return_exceptions=True)
            assert isinstance(outcome, asyncio.CancelledError)
            await parts.aclose()
        assert await used(deps, Metric.SYNTHESES) == 0
