"""A text that takes too long to plan is refused, and fails its job."""

import json
import threading
from dataclasses import replace

import pytest

from echo_common.contracts.errors.synthesis import TextTooComplexError
from echo_common.contracts.http.reading import NormalizeRequest
from echo_common.contracts.http.synthesis import SpeechConfig, SynthesizeRequest
from echo_common.contracts.values import JobStatus
from echo_synthesis import views
from echo_synthesis.api import dictionary
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.pipeline import narration
from echo_synthesis.pipeline.scripts import ScriptWriter
from echo_synthesis.settings import SynthesisSettings
from echo_synthesis.usecases.jobs import queue_job
from echo_synthesis.usecases.speech import stream_speech, synthesize
from tests.support.eventually import eventually
from tests.support.synthesis_replica import Replica, principal_of

ALICE = principal_of("usr_alice")
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


async def test_jobs_with_complex_texts_fail_with_the_code(replica: Replica) -> None:
    async with replica(**HASTY) as deps, ScriptWriter.open(SynthesisSettings(plan_inline_characters=100_000)) as patient:
        job = await queue_job(LONG, None, SpeechConfig(), ALICE, replace(deps, scripts=patient))
        deps.worker.wake()

        async def failed() -> bool:
            return (await deps.jobs.get(job.id)).status is JobStatus.FAILED

        await eventually(failed, within=30)
        assert (await deps.jobs.get(job.id)).error_code == "TEXT_TOO_COMPLEX"
        assert await objects_in(deps) == []


async def test_requests_are_served_while_a_long_script_is_serialised(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[threading.Thread] = []
    pack, view = narration.PackedTakes, views.script_view

    def packed(takes: list[narration.Take]) -> narration.PackedTakes:
        steps.append(threading.current_thread())
        return pack(takes)

    def viewed(made: narration.Narration) -> object:
        steps.append(threading.current_thread())
        return view(made)

    monkeypatch.setattr(narration, "PackedTakes", packed)
    monkeypatch.setattr(dictionary, "script_view", viewed)
    async with replica() as deps:
        response = await dictionary.normalize(NormalizeRequest(text=LONG), ALICE, deps)
    script = json.loads(bytes(response.body))["data"]
    assert script["word_count"] == len(LONG.split())
    assert len(steps) == 2
    assert threading.main_thread() not in steps
