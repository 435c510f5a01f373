"""Texts are planned once for each job; a text that takes too long to plan is refused."""

import json
import threading
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from echo_common.contracts.errors.synthesis import TextTooComplexError
from echo_common.contracts.http.normalization import NormalizeRequest
from echo_common.contracts.http.synthesis import JobChange, SpeechConfig, SynthesizeRequest
from echo_common.contracts.values import JobStatus
from echo_synthesis import views
from echo_synthesis.api import dictionary
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Job
from echo_synthesis.engine import EngineSpec
from echo_synthesis.pipeline.narration import Narration
from echo_synthesis.pipeline.packed_script import PackedScript, SpacedSegment
from echo_synthesis.pipeline.scripts import ScriptWriter
from echo_synthesis.settings import SynthesisSettings
from echo_synthesis.usecases.jobs import queue_job, revise_job
from echo_synthesis.usecases.planning import plan_speech
from echo_synthesis.usecases.speech import stream_speech, synthesize
from tests.support.eventually import eventually
from tests.support.synthesis_replica import Replica, principal_of

ALICE = principal_of("usr_alice")
STORY = "One sentence of many. " * 200
LONG = "One sentence of many. " * 4_000
HASTY = {"plan_seconds": 0.001}


async def objects_in(deps: Dependencies) -> list[str]:
    return [key async for key in deps.objects.keys("")]


async def test_complex_texts_are_refused_and_leave_no_data(replica: Replica) -> None:
    async with replica(**HASTY) as deps:
        with pytest.raises(TextTooComplexError):
            await synthesize(SynthesizeRequest(text=LONG), ALICE, deps)
        with pytest.raises(TextTooComplexError):
            await stream_speech(SynthesizeRequest(text=LONG), ALICE, deps)
        with pytest.raises(TextTooComplexError):
            await queue_job(LONG, None, SpeechConfig(), ALICE, deps)
        assert await deps.jobs.count({}) == 0
        assert await objects_in(deps) == []


async def ended_job(replica: Replica, script: Callable[[bytes], bytes | None]) -> Job:
    """Return a job that has ended on a replica that cannot plan its text in time; `script` changes the stored script."""
    async with replica(plan_inline_characters=0, **HASTY) as deps:
        async with ScriptWriter.open(SynthesisSettings()) as patient:
            planned = await plan_speech(STORY, None, SpeechConfig(), "usr_alice", replace(deps, scripts=patient))
        packed, settings = planned.script, planned.settings
        job = Job.queue("usr_alice", STORY, settings, word_count=800, units_total=len(packed), script=script(packed.data))
        await deps.jobs.add(job)
        deps.worker.wake()

        async def ended() -> bool:
            return (await deps.jobs.get(job.id)).status.terminal

        await eventually(ended, within=30)
        found = await deps.jobs.get(job.id)
        assert bool(await objects_in(deps)) is (found.status is JobStatus.COMPLETED)
        return found


async def test_a_job_is_spoken_from_the_script_stored_when_it_was_queued(replica: Replica) -> None:
    job = await ended_job(replica, lambda script: script)
    assert job.status is JobStatus.COMPLETED
    assert job.script is None


async def test_a_job_without_a_script_is_planned_by_its_worker(replica: Replica) -> None:
    job = await ended_job(replica, lambda script: None)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "TEXT_TOO_COMPLEX")


async def test_a_job_whose_script_has_another_format_is_planned_by_its_worker(replica: Replica) -> None:
    def older(script: bytes) -> bytes:
        return zlib.compress(zlib.decompress(script).replace(b'"format": 1', b'"format": 0', 1))

    job = await ended_job(replica, older)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "TEXT_TOO_COMPLEX")


async def test_a_changed_job_is_spoken_from_its_new_script(replica: Replica) -> None:
    async with replica(jobs_at_once=1) as deps:
        running = await queue_job("This would tone-hang for good.", None, SpeechConfig(), ALICE, deps)

        async def busy() -> bool:
            return (await deps.jobs.get(running.id)).status is JobStatus.PROCESSING

        await eventually(busy)
        job = await queue_job(STORY, None, SpeechConfig(), ALICE, deps)
        first = (await deps.jobs.get(job.id)).script
        changed = await revise_job(job.id, JobChange(text_content="Two words."), ALICE, deps)
        assert (await deps.jobs.get(job.id)).script == changed.script != first


async def test_requests_are_served_while_a_long_script_is_serialised(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[threading.Thread] = []
    pack, view = PackedScript.pack, views.script_view

    def packed(segments: list[SpacedSegment], engine: EngineSpec) -> PackedScript:
        steps.append(threading.current_thread())
        return pack(segments, engine)

    def viewed(made: Narration) -> object:
        steps.append(threading.current_thread())
        return view(made)

    monkeypatch.setattr(PackedScript, "pack", packed)
    monkeypatch.setattr(dictionary, "script_view", viewed)
    async with replica() as deps:
        response = await dictionary.normalize(NormalizeRequest(text=LONG), ALICE, deps)
    script = json.loads(bytes(response.body))["data"]
    assert script["word_count"] == len(LONG.split())
    assert len(steps) == 2
    assert threading.main_thread() not in steps
