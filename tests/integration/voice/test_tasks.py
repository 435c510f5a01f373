"""Jobs of samples and voice models under `/job`: read, follow, cancel, retry, delete."""

from pathlib import Path
from typing import Any

import pytest

from echo_common.contracts.errors.voice import UnreadableError
from tests.integration.voice.conftest import VoiceClient
from tests.support.eventually import eventually
from tests.support.person import data, refusal


@pytest.fixture
def broken_analysis(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Make the analysis of samples fail; `undo` repairs it."""

    async def analyse(source: Path, scratch: Path, settings: object) -> Any:
        raise UnreadableError

    monkeypatch.setattr("echo_voice.usecases.samples.analyse", analyse)
    return monkeypatch


async def ended(ada: VoiceClient, job_id: str) -> dict[str, Any]:
    async def over() -> bool:
        return (await ada.get(f"/job/{job_id}"))["status"] in {"completed", "failed", "cancelled"}

    await eventually(over, within=60)
    job: dict[str, Any] = await ada.get(f"/job/{job_id}")
    return job


async def in_training(ada: VoiceClient, speech: bytes) -> dict[str, Any]:
    """Start a training that never ends by itself; return its receipt."""
    sample = await ada.sample(speech)
    receipt = await ada.clone(sample["id"], name="tone-hang")

    async def begun() -> bool:
        return bool((await ada.get(f"/job/{receipt['job_id']}"))["status"] == "processing")

    await eventually(begun)
    return receipt


async def test_the_job_of_an_upload_is_the_processing_of_the_sample(ada: VoiceClient, speech: bytes) -> None:
    receipt = data(await ada.upload(speech), 201)

    job = await ended(ada, receipt["job_id"])

    assert (job["type"], job["status"], job["progress"]) == ("sample_processing", "completed", 100)
    assert (job["sample_ids"], job["clone_id"]) == ([receipt["sample_id"]], None)
    assert (await ada.get(f"/voice/samples/{receipt['sample_id']}"))["job_id"] == job["id"]


async def test_the_job_of_a_clone_is_its_training(ada: VoiceClient, speech: bytes) -> None:
    sample = await ada.sample(speech)
    receipt = data(await ada.ask("POST", f"/voice/samples/{sample['id']}/train", json={}), 202)

    job = await ended(ada, receipt["training_job_id"])

    assert (job["type"], job["status"], job["progress"]) == ("training", "completed", 100)
    assert (job["sample_ids"], job["clone_id"]) == ([sample["id"]], receipt["clone_id"])


async def test_earlier_jobs_of_a_sample_and_a_clone_stay_readable(ada: VoiceClient, speech: bytes) -> None:
    sample = await ada.sample(speech)
    clone = await ada.trained((await ada.clone(sample["id"]))["clone_id"])
    again = data(await ada.ask("POST", f"/voice/samples/{sample['id']}/process"), 202)
    await ada.processed(sample["id"])
    await ended(ada, data(await ada.ask("POST", f"/voice/clones/{clone['id']}/train", json={}), 202)["job_id"])

    assert again["job_id"] != sample["job_id"]
    for job_id in (sample["job_id"], clone["job_id"]):
        job = await ada.get(f"/job/{job_id}")
        assert (job["id"], job["status"], job["progress"]) == (job_id, "completed", 100)


async def test_jobs_are_listed_by_type_and_status(ada: VoiceClient, eve: VoiceClient, speech: bytes) -> None:
    sample = await ada.sample(speech)
    failed = await ada.trained((await ada.clone(sample["id"], name="tone-fail"))["clone_id"])
    ready = await ada.trained((await ada.clone(sample["id"]))["clone_id"])

    assert [job["id"] for job in await ada.get("/job?type=sample_processing")] == [sample["job_id"]]
    assert [job["id"] for job in await ada.get("/job?type=training")] == [ready["job_id"], failed["job_id"]]
    assert [job["id"] for job in await ada.get("/job?type=training&status=failed")] == [failed["job_id"]]
    assert await eve.get("/job?type=training") == []
    assert refusal(await eve.ask("GET", "/job?type=training&user_id=usr_ada")) == (403, "FORBIDDEN")
    assert refusal(await ada.ask("GET", "/job?type=synthesis"))[0] == 422


async def test_jobs_of_other_users_are_not_found(ada: VoiceClient, eve: VoiceClient, speech: bytes) -> None:
    job_id = (await ada.sample(speech))["job_id"]
    for method, more in [("GET", {}), ("PATCH", {"json": {"status": "cancelled"}}), ("DELETE", {})]:
        assert refusal(await eve.ask(method, f"/job/{job_id}", **more)) == (404, "JOB_NOT_FOUND")
        assert refusal(await ada.ask(method, "/job/job_train_unknown", **more)) == (404, "JOB_NOT_FOUND")


async def test_trainings_are_cancelled_and_retried_under_their_job_id(ada: VoiceClient, speech: bytes) -> None:
    receipt = await in_training(ada, speech)
    path = f"/job/{receipt['job_id']}"

    assert refusal(await ada.ask("POST", f"{path}/retry")) == (409, "JOB_STATE_CONFLICT")
    cancelled = data(await ada.ask("PATCH", path, json={"status": "cancelled"}))
    assert cancelled["status"] == "cancelled"
    assert data(await ada.ask("PATCH", path, json={"status": "cancelled"}))["status"] == "cancelled"
    assert (await ada.get(f"/voice/clones/{receipt['clone_id']}"))["status"] == "cancelled"

    data(await ada.ask("PATCH", f"/voice/clones/{receipt['clone_id']}", json={"name": "Now it works"}))
    data(await ada.ask("POST", f"{path}/retry"))
    assert (await ended(ada, receipt["job_id"]))["status"] == "completed"
    assert refusal(await ada.ask("PATCH", path, json={"status": "cancelled"})) == (409, "JOB_STATE_CONFLICT")


async def test_jobs_in_processing_cannot_be_deleted(ada: VoiceClient, speech: bytes) -> None:
    receipt = await in_training(ada, speech)
    answer = await ada.ask("DELETE", f"/job/{receipt['job_id']}")
    assert refusal(answer) == (409, "JOB_STATE_CONFLICT")
    assert answer.json()["error"]["message"] == "The job is being processed: cancel it first."
    assert answer.json()["error"]["details"] == {"status": "processing"}


async def test_deleting_a_job_keeps_the_sample_and_the_clone(ada: VoiceClient, speech: bytes) -> None:
    sample = await ada.sample(speech)
    clone = await ada.trained((await ada.clone(sample["id"]))["clone_id"])
    for job_id, kind in [(sample["job_id"], "sample_processing"), (clone["job_id"], "training")]:
        data(await ada.ask("DELETE", f"/job/{job_id}"))
        assert refusal(await ada.ask("GET", f"/job/{job_id}")) == (404, "JOB_NOT_FOUND")
        assert await ada.get(f"/job?type={kind}") == []
    assert (await ada.get(f"/voice/samples/{sample['id']}"))["status"] == "ready"
    assert (await ada.get(f"/voice/clones/{clone['id']}"))["status"] == "ready"


async def test_failed_processing_can_be_retried(ada: VoiceClient, speech: bytes, broken_analysis: pytest.MonkeyPatch) -> None:
    receipt = data(await ada.upload(speech), 201)
    job = await ended(ada, receipt["job_id"])
    assert (job["status"], job["error_code"]) == ("failed", "SAMPLE_UNREADABLE")
    broken_analysis.undo()

    data(await ada.ask("POST", f"/job/{job['id']}/retry"))

    assert (await ended(ada, job["id"]))["status"] == "completed"
    assert (await ada.get(f"/voice/samples/{receipt['sample_id']}"))["status"] == "ready"


async def test_a_sample_with_cancelled_processing_must_be_processed_again_before_a_training(
    ada: VoiceClient, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ada.deps.worker, "wake", lambda: None)
    monkeypatch.setattr(ada.deps.samples, "pending", nothing_pending)
    receipt = data(await ada.upload(speech), 201)
    assert data(await ada.ask("PATCH", f"/job/{receipt['job_id']}", json={"status": "cancelled"}))["status"] == "cancelled"

    sample = await ada.get(f"/voice/samples/{receipt['sample_id']}")
    assert sample["status"] == "uploaded"
    answer = await ada.ask("POST", f"/voice/samples/{sample['id']}/train", json={})
    assert refusal(answer) == (409, "SAMPLE_STATE_CONFLICT")
    monkeypatch.undo()
    data(await ada.ask("POST", f"/voice/samples/{sample['id']}/process"), 202)
    assert (await ada.processed(sample["id"]))["status"] == "ready"


async def nothing_pending(limit: int, where: object) -> list[Any]:
    return []
