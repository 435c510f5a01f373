"""A text of 100,000 characters is synthesised and stored with bounded memory."""

import itertools

import pytest

from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.values import AudioFormat, JobStatus
from echo_common.errors import ValidationError
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Job
from echo_synthesis.timing.storage import FEW
from echo_synthesis.usecases.audio import find_audio, words_of
from echo_synthesis.usecases.jobs import queue_job
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.synthesis_replica import Replica, principal_of

ALICE = principal_of("usr_alice")
CHARACTERS = 100_000
SLOW = " ".join(f"Sentence tone-slow-500 number {number}." for number in range(20))


def book(characters: int) -> str:
    lines: list[str] = []
    length = 0
    while length < characters:
        number = len(lines)
        line = f"# Part {number}\n" if number % 150 == 0 else f"Sentence {number} of a long and winding story about a fox.\n"
        lines.append(line)
        length += len(line)
    return "".join(lines)[:characters]


async def status(job: Job, deps: Dependencies) -> JobStatus:
    return (await deps.jobs.get_summary({"_id": job.id})).status


@pytest.mark.full
async def test_a_hundred_thousand_characters_become_audio_with_all_word_timings(replica: Replica, database: Database) -> None:
    text = book(CHARACTERS)
    async with replica(cache_bytes=0) as deps:
        config = SpeechConfig(speed=4, output_format=AudioFormat.MP3, sample_rate=16_000)
        job = await queue_job(text, None, config, ALICE, deps)
        deps.worker.wake()

        async def done() -> bool:
            return await status(job, deps) is JobStatus.COMPLETED

        await eventually(done, within=110)
        finished = await deps.jobs.get(job.id)
        audio = await find_audio(str(finished.audio_id), ALICE, deps)
        words = await words_of(audio, deps)

    assert len(words) == finished.word_count > FEW
    assert [word.word for word in words] == [text[word.char_start : word.char_end] for word in words]
    assert all(earlier.char_end <= later.char_start for earlier, later in itertools.pairwise(words))
    assert all(earlier.start <= later.start for earlier, later in itertools.pairwise(words))
    assert words[-1].end <= audio.duration
    assert [chapter.title for chapter in audio.chapters] == [f"Part {number}" for number in range(0, 1_950, 150)]

    store = await database.open("synthesis")
    [document] = [found async for found in store.collection("audio").find({})]
    await store.close()
    assert len(str(document)) < 10_000


async def test_lease_renewals_do_not_write_the_text(replica: Replica, database: Database) -> None:
    store = await database.open("synthesis")
    jobs = store.collection("jobs")
    async with replica() as deps:
        job = await queue_job(SLOW, None, SpeechConfig(), ALICE, deps)
        await jobs.update_one({"_id": job.id}, {"$set": {"search": "changed behind our back"}})
        deps.worker.wake()

        async def renewed() -> bool:
            return (await deps.jobs.get(job.id)).units_done > 2

        await eventually(renewed, within=20)
        assert (await deps.jobs.get(job.id)).search == "changed behind our back"
    await store.close()


async def test_cancellations_without_a_notification_are_detected_within_two_seconds(
    replica: Replica, database: Database
) -> None:
    store = await database.open("synthesis")
    async with replica(lease_seconds=600) as deps:
        job = await queue_job(SLOW, None, SpeechConfig(), ALICE, deps)
        deps.worker.wake()

        async def begun() -> bool:
            return (await deps.jobs.get(job.id)).units_done > 0

        await eventually(begun, within=20)
        change = {"$set": {"status": "cancelled"}, "$unset": {"lease": ""}, "$inc": {"version": 1}}
        assert await store.collection("jobs").update_one({"_id": job.id}, change)
        await eventually(lambda: not deps.worker.busy, within=4)
        assert [key async for key in deps.objects.keys("audio/")] == []
        assert await deps.audio.count({}) == 0
    await store.close()


async def test_texts_beyond_the_limit_are_refused(replica: Replica) -> None:
    async with replica() as deps:
        with pytest.raises(ValidationError):
            await queue_job(book(CHARACTERS) + "!", None, SpeechConfig(), ALICE, deps)
