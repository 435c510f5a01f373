"""A revision whose job was cancelled or lost after it was saved is undone, unless another one follows it."""

import pytest

from echo_common.faults import FaultPoints
from echo_common.work.attempt import LeasedAttempt
from echo_common.work.lease import LeaseLostError
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, Job, SegmentReference
from echo_synthesis.pipeline.narration import SpokenSegment, plan
from echo_synthesis.pipeline.recording import Totals
from echo_synthesis.revised_speech import RevisedSpeech
from echo_synthesis.usecases.audio import find_audio, text_of_audio, words_of
from echo_synthesis.usecases.jobs import cancel_job
from tests.integration.synthesis.test_segments import ALICE, only_referenced, replaced, spoken, texts_of
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
        _, revised = await assembled(audio, deps)
        await revised.store()
        assert await text_of_audio(await find_audio(audio.id, ALICE, deps), deps) == "Another one. Two sentences."

        await revised.discard()
        held = await find_audio(audio.id, ALICE, deps)
        assert held.current == audio.current
        assert await words_of(held, deps) == before
        assert await text_of_audio(held, deps) == TEXT
        assert await texts_of(held, deps) == ["One sentence.", "Two sentences."]
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
        await revised.remove_superseded()
        held = await find_audio(audio.id, ALICE, deps)
        assert await texts_of(held, deps) == ["Another one.", "The end."]
        assert held.revision == 3
        await only_referenced(held, deps)
