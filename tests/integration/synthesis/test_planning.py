"""A text that takes too long to plan is refused, and fails its job."""

import json
import threading
from dataclasses import replace

import pytest

from echo_common.contracts.errors.synthesis import TextTooComplexError
from echo_common.contracts.http.reading import NormalizeRequest
from echo_common.contracts.http.synthesis import SpeechConfig, SynthesizeRequest
from echo_common.contracts.values import JobStatus
from echo_synthesis import usecases, views
from echo_synthesis.api import dictionary
from echo_synthesis.handlers import Dependencies
from echo_synthesis.pipeline import narration
from echo_synthesis.pipeline.scripts import ScriptWriter
from echo_synthesis.settings import SynthesisSettings
from tests.support.eventually import eventually
from tests.support.studio import Replica, somebody

ALICE = somebody("usr_alice")
LONG = "One sentence of many. " * 4_000
HASTY = {"plan_seconds": 0.001}


async def objects_in(deps: Dependencies) -> list[str]:
    return [key async for key in deps.studio.objects.keys("")]


async def test_complex_texts_are_refused_and_leave_no_data(replica: Replica) -> None:
    async with replica(**HASTY) as deps:
        with pytest.raises(TextTooComplexError):
            await usecases.synthesize(SynthesizeRequest(text=LONG), ALICE, deps.studio)
        with pytest.raises(TextTooComplexError):
            await usecases.stream_speech(SynthesizeRequest(text=LONG), ALICE, deps.studio)
        with pytest.raises(TextTooComplexError):
            await usecases.queue_job(LONG, None, SpeechConfig(), ALICE, deps.studio)
        assert await deps.studio.jobs.count({}) == 0
        assert await objects_in(deps) == []


async def test_jobs_with_complex_texts_fail_with_the_code(replica: Replica) -> None:
    async with replica(**HASTY) as deps, ScriptWriter.open(SynthesisSettings(plan_inline_characters=100_000)) as patient:
        job = await usecases.queue_job(LONG, None, SpeechConfig(), ALICE, replace(deps.studio, scripts=patient))
        deps.worker.wake()

        async def failed() -> bool:
            return (await deps.studio.jobs.get(job.id)).status is JobStatus.FAILED

        await eventually(failed, within=30)
        assert (await deps.studio.jobs.get(job.id)).error_code == "TEXT_TOO_COMPLEX"
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
