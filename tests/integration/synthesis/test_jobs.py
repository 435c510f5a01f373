"""Tests of jobs: queueing, claims, synthesis, storage, cancellation and crashes."""

from typing import Any

import pytest

from echo_common.clock import now
from echo_common.contracts.errors.synthesis import JobNotFoundError, JobStateConflictError, VoiceNotFoundError
from echo_common.contracts.http.synthesis import CreateJobRequest, JobChange, SpeechConfig, SynthesizeRequest
from echo_common.contracts.values import AudioFormat, JobStatus
from echo_common.errors import ValidationError
from echo_common.http.idempotency import RETENTION
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Job, SpeechSettings
from echo_synthesis.usecases.audio import find_audio
from echo_synthesis.usecases.jobs import cancel_job, config_of, delete_job, find_job, queue_job, revise_job
from echo_synthesis.usecases.planning import plan_speech
from echo_synthesis.usecases.speech import synthesize
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.synthesis_replica import Replica, principal_of

ALICE, MALLORY = principal_of("usr_alice"), principal_of("usr_mallory")
STORY = "One sentence. Another sentence. A third sentence."
SLOW = "One tone-slow-600. Two tone-slow-600. Three tone-slow-600. Four tone-slow-600."


async def queued(text: str, deps: Dependencies, *, key: str | None = None) -> Job:
    job = await queue_job(text, None, SpeechConfig(), ALICE, deps, idempotency_key=key)
    deps.worker.wake()
    return job


async def status(job: Job, deps: Dependencies) -> JobStatus:
    return (await deps.jobs.get(job.id)).status


async def until(job: Job, deps: Dependencies, wanted: JobStatus) -> Job:
    async def reached() -> bool:
        return await status(job, deps) is wanted

    await eventually(reached, within=30)
    return await deps.jobs.get(job.id)


async def test_jobs_create_audio_with_word_timings(replica: Replica) -> None:
    async with replica() as deps:
        done = await until(await queued(STORY, deps), deps, JobStatus.COMPLETED)
        audio = await find_audio(str(done.audio_id), ALICE, deps)
        stored = b"".join([block async for block in deps.objects.read(audio.object_key)])
        assert stored.startswith(b"RIFF")
        assert len(stored) == audio.size
        assert [mark.word for mark in audio.words] == ["One", "sentence", "Another", "sentence", "A", "third", "sentence"]
        assert all(STORY[mark.char_start : mark.char_end] == mark.word for mark in audio.words)
        assert audio.words[-1].end <= audio.duration
        assert done.progress == 100


async def test_synchronous_speech_is_stored_before_the_response(replica: Replica) -> None:
    async with replica() as deps:
        config = SpeechConfig(output_format=AudioFormat.MP3, sample_rate=16_000)
        audio = await synthesize(SynthesizeRequest(text=STORY, config=config), ALICE, deps)
        assert (await deps.objects.info(audio.object_key)).checksum == audio.checksum
        assert audio.mime == "audio/mpeg"


async def test_a_second_attempt_synthesises_only_missing_segments(replica: Replica, database: Database) -> None:
    store = await database.open("synthesis")
    sentences = store.collection("speech_cache")
    async with replica() as deps:
        job = await queued(SLOW, deps)

        async def halfway() -> bool:
            return (await deps.jobs.get(job.id)).units_done >= 2

        await eventually(halfway)
    async with replica() as successor:
        spoken_before = await sentences.count({})
        await until(job, successor, JobStatus.COMPLETED)
    assert spoken_before >= 2

    async def every_hit_counted() -> bool:
        hits: list[int] = [entry["hits"] async for entry in sentences.find({})]
        return sum(hits) == spoken_before

    await eventually(every_hit_counted)  # hits are written in batches
    assert await sentences.count({}) == 4
    await store.close()


async def test_cancelled_jobs_end_at_once_and_leave_no_audio(replica: Replica) -> None:
    async with replica() as deps:
        job = await queued(SLOW, deps)
        await until(job, deps, JobStatus.PROCESSING)
        await cancel_job(job.id, ALICE, deps)
        await eventually(lambda: not deps.worker.busy)
        assert await status(job, deps) is JobStatus.CANCELLED
        assert [key async for key in deps.objects.keys("audio/")] == []


async def test_texts_that_crash_the_engine_fail_only_their_job(replica: Replica) -> None:
    async with replica() as deps:
        poison = await queued("tone-crash now.", deps)
        healthy = await queued(STORY, deps)
        assert (await until(poison, deps, JobStatus.FAILED)).error_code == "ENGINE_CRASHED"
        await until(healthy, deps, JobStatus.COMPLETED)


async def test_the_same_idempotency_key_gives_the_same_job(replica: Replica) -> None:
    async with replica() as deps:
        first = await queued(STORY, deps, key="once")
        again = await queued(STORY, deps, key="once")
        assert first.id == again.id
        assert await deps.jobs.count({"user_id": "usr_alice"}) == 1


async def test_idempotency_keys_of_jobs_expire_after_a_day(replica: Replica, database: Database) -> None:
    async with replica() as deps:
        first = await queued(STORY, deps, key="once")
        await until(first, deps, JobStatus.COMPLETED)
        store = await database.open("synthesis")
        await store.collection("jobs").update_one({"_id": first.id}, {"$set": {"created_at": now() - RETENTION}})
        await store.close()
        second = await queued(STORY, deps, key="once")
        assert second.id != first.id
        assert (await queued(STORY, deps, key="once")).id == second.id
        assert (await deps.jobs.get(first.id)).idempotency_key is None


async def test_jobs_of_other_users_do_not_exist(replica: Replica) -> None:
    async with replica() as deps:
        job = await queued(STORY, deps)
        for attempt in (find_job, cancel_job, delete_job):
            with pytest.raises(JobNotFoundError):
                await attempt(job.id, MALLORY, deps)


async def test_deleting_a_job_removes_its_audio_and_its_object(replica: Replica) -> None:
    async with replica() as deps:
        done = await until(await queued(STORY, deps), deps, JobStatus.COMPLETED)
        await delete_job(done.id, ALICE, deps)
        assert [key async for key in deps.objects.keys("audio/")] == []
        with pytest.raises(JobNotFoundError):
            await find_job(done.id, ALICE, deps)


async def test_running_jobs_are_not_deleted(replica: Replica) -> None:
    async with replica() as deps:
        job = await queued(SLOW, deps)
        await until(job, deps, JobStatus.PROCESSING)
        with pytest.raises(JobStateConflictError):
            await delete_job(job.id, ALICE, deps)


@pytest.mark.parametrize("text", ["   ", "...", "\n\n", "—"])
async def test_texts_without_words_are_refused(replica: Replica, text: str) -> None:
    async with replica() as deps:
        with pytest.raises(ValidationError) as refused:
            await queued(text, deps)
        assert refused.value.details == [{"field": "text", "message": refused.value.message}]
        assert await deps.jobs.count({}) == 0


async def test_invalid_requests_are_refused_and_write_nothing(replica: Replica) -> None:
    async with replica(max_characters=20) as deps:
        for voice, config, text in [
            (None, SpeechConfig(engine="kokoro"), "Hello."),
            (None, SpeechConfig(language="fr"), "Hello."),
            (None, SpeechConfig(), "Hello to everybody out there."),
        ]:
            with pytest.raises(ValidationError):
                await queue_job(text, voice, config, ALICE, deps, idempotency_key=None)
        with pytest.raises(VoiceNotFoundError):
            await queue_job("Hello.", "nobody", SpeechConfig(), ALICE, deps, idempotency_key=None)
        assert await deps.jobs.count({}) == 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"config": {"tempo": 2}}, "config.tempo"),
        ({"config": {"speed": 9}}, "config.speed"),
        ({"speed": 2, "config": {"speed": 3}}, "config.speed"),
        ({"text_language": "en", "config": {"language": "fr"}}, "config.language"),
    ],
)
def test_invalid_and_contradictory_options_are_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        config_of(CreateJobRequest(text_content="Hello.", **fields))
    assert isinstance(refused.value.details, list)
    assert [detail["field"] for detail in refused.value.details] == [field]


def test_options_are_accepted_at_the_top_level_and_in_config() -> None:
    beside = CreateJobRequest(text_content="Hello.", speed=2, text_language="en-GB", config={"normalize": False})
    within = CreateJobRequest(text_content="Hello.", config={"speed": 2, "language": "en-GB", "normalize": False})
    assert config_of(beside) == config_of(within) == SpeechConfig(speed=2, language="en-GB", normalize=False)


async def test_changing_the_text_of_a_job_removes_its_text_entry(replica: Replica) -> None:
    async with replica(jobs_at_once=1) as deps:
        await queued("Busy tone-slow-900.", deps)
        job = await queue_job("As saved.", None, SpeechConfig(), ALICE, deps, text_id="txt_1")
        assert (await revise_job(job.id, JobChange(speed=2), ALICE, deps)).text_id == "txt_1"
        assert (await revise_job(job.id, JobChange(text_content="Otherwise."), ALICE, deps)).text_id is None


async def settings_of(deps: Dependencies) -> SpeechSettings:
    return (await plan_speech("Hello.", None, SpeechConfig(), ALICE.user_id, deps)).settings
