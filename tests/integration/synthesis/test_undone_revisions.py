"""A revision whose job was cancelled or lost after it was saved is undone, unless another one follows it."""

import json

import pytest

from echo_common.bus.port import Message
from echo_common.contracts.errors.synthesis import RevisionNotFoundError
from echo_common.contracts.events.synthesis import AudioRevised
from echo_common.contracts.values import JobStatus
from echo_common.faults import FaultPoints
from echo_common.work.attempt import LeasedAttempt
from echo_common.work.lease import LeaseLostError
from echo_common.work.port import Attempt
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, Job, SegmentReference
from echo_synthesis.pipeline.narration import SpokenSegment, plan
from echo_synthesis.pipeline.totals import Totals
from echo_synthesis.revised_speech import RevisedSpeech
from echo_synthesis.usecases.audio import find_audio, text_of_audio, words_of
from echo_synthesis.usecases.jobs import cancel_job
from tests.support.eventually import eventually
from tests.support.segments import ALICE, only_referenced, replaced, spoken, texts_of
from tests.support.synthesis_replica import Replica

TEXT = "One sentence. Two sentences."


async def ignored(_: SpokenSegment, __: Totals) -> None:
    """Ignore the progress."""


async def assembled(audio: Audio, deps: Dependencies) -> tuple[Job, RevisedSpeech]:
    """Claim a job, and return it with the revision that it has assembled."""
    reference = SegmentReference(audio_id=audio.id, number=0)
    job = Job.queue(ALICE.user_id, "Another one.", audio.settings, word_count=2, units_total=1, replaces=reference)
    job.claim("test", 60)
    await deps.jobs.add(job)
    engine = deps.voices.find(audio.settings.voice_id).engine
    narration = await plan(job.text, job.settings, engine, deps.scripts, job.user_id)
    replacement = await deps.reviser.speak(narration, ignored)
    attempt = LeasedAttempt(deps.jobs, job, 60, FaultPoints())
    revised = RevisedSpeech(job, reference, replacement, attempt, deps, FaultPoints())
    await revised.assemble()
    return job, revised


async def test_a_discarded_revision_is_undone(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, TEXT)
        before = await words_of(audio, deps)
        job, revised = await assembled(audio, deps)
        await revised.store()
        assert await text_of_audio(await find_audio(audio.id, ALICE, deps), deps) == "Another one. Two sentences."

        await cancel_job(job.id, ALICE, deps)
        await revised.discard()
        held = await find_audio(audio.id, ALICE, deps)
        assert held.current == audio.current
        assert await words_of(held, deps) == before
        assert await text_of_audio(held, deps) == TEXT
        assert await texts_of(held, deps) == ["One sentence.", "Two sentences."]
        await only_referenced(held, deps)


async def test_the_number_of_an_undone_revision_is_never_used_again(replica: Replica) -> None:
    heard: list[Message] = []
    async with replica(heard=heard) as deps:
        audio = await spoken(deps, TEXT)
        _, revised = await assembled(audio, deps)
        await revised.store()
        assert (await find_audio(audio.id, ALICE, deps)).url.endswith("?revision=2")
        await revised.discard()
        again = await replaced(audio, 0, deps, text="The beginning.")
        assert [each.number for each in again.revisions] == [1, again.revision]
        assert again.revision > 2
        with pytest.raises(RevisionNotFoundError):
            again.find_revision(2)

        def counters() -> list[int]:
            events = [json.loads(each.body) for each in heard if each.topic == AudioRevised.topic]
            return [each["counter"] for each in events]

        await eventually(lambda: len(counters()) == 3)
        assert counters() == sorted(set(counters()))


async def test_a_cancellation_between_the_save_and_the_commit_undoes_the_revision(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, TEXT)
        job, revised = await assembled(audio, deps)

        class CancelledBeforeCommit(FaultPoints):
            async def reach(self, name: str) -> None:
                if name == "worker.before_commit":
                    assert (await find_audio(audio.id, ALICE, deps)).revision == 2
                    await cancel_job(job.id, ALICE, deps)

        async def perform(_: Job, __: Attempt) -> RevisedSpeech:
            return revised

        attempt = LeasedAttempt(deps.jobs, job, 60, CancelledBeforeCommit())
        with pytest.raises(LeaseLostError):
            await attempt.run(perform, job)
        held = await find_audio(audio.id, ALICE, deps)
        assert held.current == audio.current
        assert (await deps.jobs.get(job.id)).status is JobStatus.CANCELLED
        await only_referenced(held, deps)


async def test_a_discarded_revision_that_others_build_upon_stays(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, TEXT)
        _, revised = await assembled(audio, deps)
        await revised.store()
        later = await replaced(audio, 1, deps, text="The end.")

        await revised.discard()
        held = await find_audio(audio.id, ALICE, deps)
        assert held.revision == later.revision == 3
        assert await texts_of(held, deps) == ["Another one.", "The end."]
        for revision in held.revisions:
            assert (await deps.objects.info(revision.object_key)).checksum == revision.checksum


async def test_a_cancelled_job_does_not_save_its_revision(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, TEXT)
        job, revised = await assembled(audio, deps)
        await cancel_job(job.id, ALICE, deps)
        with pytest.raises(LeaseLostError):
            await revised.store()
        await revised.discard()
        held = await find_audio(audio.id, ALICE, deps)
        assert held.current == audio.current
        await only_referenced(held, deps)


async def test_a_revision_is_assembled_again_on_top_of_another(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, TEXT)
        _, revised = await assembled(audio, deps)
        await replaced(audio, 1, deps, text="The end.")
        await revised.store()
        held = await find_audio(audio.id, ALICE, deps)
        assert await texts_of(held, deps) == ["Another one.", "The end."]
        assert held.revision == 3
        await only_referenced(held, deps)
