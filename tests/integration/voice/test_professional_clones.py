"""Tests of professional clones, and of the present voice of a training in object storage."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from echo_common.contracts.http.voice import TrainingConfig
from echo_common.contracts.voice_reference import present_style_key
from echo_common.storage.orphans import OrphanSweeper
from echo_voice.provider import Outcome, Progressed, TrainingRequest
from echo_voice.providers.tone import ToneProvider
from echo_voice.usecases import clones
from echo_voice.usecases.ownership import object_owners
from tests.integration.synthesis.test_orphans import DAY, age
from tests.integration.voice.conftest import ATTESTED, VoiceClient
from tests.support.eventually import eventually
from tests.support.person import data, refusal

PROFESSIONAL = {"kind": "professional"}


@pytest.fixture
async def enough(ada: VoiceClient, speech: bytes, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a sample that is long enough."""
    monkeypatch.setattr(clones, "_PROFESSIONAL_SECONDS", 5.0)
    return str((await ada.sample(speech))["id"])


@pytest.fixture
async def trained(ada: VoiceClient, enough: str) -> dict[str, Any]:
    return await ada.trained((await ada.clone(enough))["clone_id"])


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make trainings write two states of the voice and never end."""

    async def train(_: object, request: TrainingRequest, on_progress: Progressed) -> Outcome:
        for step in (1, 2):
            request.present.write_bytes(b"state %d" % step)
            on_progress(step, 4, None)
            await asyncio.sleep(0.05)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    monkeypatch.setattr(ToneProvider, "train", train)


async def present(client: VoiceClient, clone_id: str) -> list[bytes]:
    """Return the present states of a clone in object storage."""
    objects = client.deps.objects
    keys = [key async for key in objects.keys(f"styles/{clone_id}/")]
    return [b"".join([block async for block in objects.read(key)]) for key in keys]


async def in_training(client: VoiceClient, clone_id: str) -> None:
    async def heard() -> bool:
        return await present(client, clone_id) == [b"state 2"]

    await eventually(heard)


async def status(client: VoiceClient, clone_id: str) -> str:
    return str((await client.get(f"/voice/clones/{clone_id}/training"))["status"])


async def trained_again(client: VoiceClient, clone_id: str, config: dict[str, Any]) -> Any:
    """Train a clone again, and return the options of that training."""
    data(await client.ask("POST", f"/voice/clones/{clone_id}/train", json={"config": config}), 202)

    async def completed() -> bool:
        return await status(client, clone_id) == "completed"

    await eventually(completed)
    return (await client.get(f"/voice/clones/{clone_id}"))["config"]


async def test_a_professional_clone_has_options_of_its_own(ada: VoiceClient, enough: str) -> None:
    clone = await ada.trained((await ada.clone(enough, config={**PROFESSIONAL, "seed": 3}))["clone_id"])
    assert clone["status"] == "ready"
    assert clone["config"]["kind"] == "professional"
    assert clone["config"]["seed"] == 3
    assert clone["config"]["epochs"] == TrainingConfig.professional["epochs"]


async def test_a_professional_clone_keeps_its_kind_when_it_is_trained_again(ada: VoiceClient, enough: str) -> None:
    clone = await ada.trained((await ada.clone(enough, config=PROFESSIONAL))["clone_id"])
    again = await trained_again(ada, clone["id"], {"seed": 4})
    assert (again["kind"], again["seed"], again["epochs"]) == ("professional", 4, TrainingConfig.professional["epochs"])
    assert (await trained_again(ada, clone["id"], {"kind": "instant"}))["kind"] == "instant"


async def test_short_samples_are_refused_with_the_missing_seconds(ada: VoiceClient, speech: bytes) -> None:
    sample, copy = await ada.sample(speech), await ada.sample(speech)
    seconds = sample["quality"]["duration"]
    body = {"name": "Me", "sample_ids": [sample["id"], copy["id"]], "consent": ATTESTED, "config": PROFESSIONAL}

    answer = await ada.ask("POST", "/voice/clones", json=body)

    assert refusal(answer) == (422, "SAMPLES_TOO_SHORT")
    details = answer.json()["error"]["details"]
    assert details == {"seconds": round(seconds, 1), "needed": 60, "missing": pytest.approx(60 - seconds, abs=0.11)}
    assert f"{details['missing']:.1f} s" in answer.json()["error"]["message"]
    of_sample = await ada.ask("POST", f"/voice/samples/{sample['id']}/train", json={"config": PROFESSIONAL})
    assert refusal(of_sample) == (422, "SAMPLES_TOO_SHORT")
    assert await ada.get("/voice/clones") == []


async def test_a_short_upload_fails_the_training_that_waits_for_it(ada: VoiceClient, speech: bytes) -> None:
    sample_id = data(await ada.upload(speech), 201)["sample_id"]
    receipt = data(await ada.ask("POST", f"/voice/samples/{sample_id}/train", json={"config": PROFESSIONAL}), 202)
    clone = await ada.trained(receipt["clone_id"])
    assert (clone["status"], clone["error_code"]) == ("failed", "SAMPLES_TOO_SHORT")


async def test_a_provider_without_professional_clones_says_so(
    ada: VoiceClient, enough: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToneProvider, "kinds", ("instant",))
    body = {"name": "Me", "sample_ids": [enough], "consent": ATTESTED, "config": PROFESSIONAL}
    answer = await ada.ask("POST", "/voice/clones", json=body)
    assert refusal(answer) == (422, "VALIDATION_ERROR")
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == ["config.kind"]


async def test_an_instant_clone_becomes_professional_only_with_long_samples(
    ada: VoiceClient, trained: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/voice/clones/{trained['id']}/train"
    monkeypatch.setattr(clones, "_PROFESSIONAL_SECONDS", 60.0)
    assert refusal(await ada.ask("POST", path, json={"config": PROFESSIONAL})) == (422, "SAMPLES_TOO_SHORT")
    monkeypatch.setattr(clones, "_PROFESSIONAL_SECONDS", 5.0)
    await trained_again(ada, trained["id"], PROFESSIONAL)
    assert [training["config"]["kind"] for training in await ada.get(f"/voice/clones/{trained['id']}/trainings")] == [
        "professional",
        "instant",
    ]


@pytest.mark.usefixtures("endless")
async def test_the_present_voice_is_stored_during_a_training_and_removed_when_it_is_cancelled(
    ada: VoiceClient, enough: str
) -> None:
    clone_id = (await ada.clone(enough, config=PROFESSIONAL))["clone_id"]
    await in_training(ada, clone_id)
    data(await ada.ask("PATCH", f"/voice/clones/{clone_id}", json={"status": "cancelled"}))
    await eventually(lambda: not ada.deps.worker.busy)
    assert await present(ada, clone_id) == []


async def test_the_present_voice_is_removed_when_the_training_ends(
    ada: VoiceClient, enough: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    async def train(_: object, request: TrainingRequest, on_progress: Progressed) -> Outcome:
        request.present.write_bytes(b"state 1")
        on_progress(1, 2, None)

        async def stored() -> bool:
            seen[:] = await present(ada, request.clone_id)
            return bool(seen)

        await eventually(stored)
        return Outcome(engine="tone", reference="tone_low")

    monkeypatch.setattr(ToneProvider, "train", train)
    clone = await ada.trained((await ada.clone(enough))["clone_id"])
    assert (clone["status"], seen) == ("ready", [b"state 1"])
    assert await present(ada, clone["id"]) == []


async def test_the_previous_voice_stays_usable_during_a_training_and_after_its_cancellation(
    ada: VoiceClient, trained: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("endless")
    path = f"/voice/clones/{trained['id']}"
    data(await ada.ask("POST", f"{path}/train", json={"config": PROFESSIONAL}), 202)
    await in_training(ada, trained["id"])
    assert (await ada.get(path))["status"] == "ready"
    data(await ada.ask("PATCH", path, json={"status": "cancelled"}))
    await eventually(lambda: not ada.deps.worker.busy)
    model = await ada.deps.models.get(trained["id"])
    assert model.usable
    assert model.made is not None
    assert model.made.reference == "tone_low"
    assert await present(ada, trained["id"]) == []


async def test_a_present_voice_that_a_crash_left_is_swept(ada: VoiceClient, trained: dict[str, Any], tmp_path: Path) -> None:
    objects = ada.deps.objects
    key = present_style_key(trained["id"], trained["job_id"])
    await objects.put(key, b"left", "application/octet-stream")
    age(tmp_path / "objects", 2 * DAY)
    await OrphanSweeper(objects, object_owners(ada.deps, 0), DAY).sweep()
    assert await present(ada, trained["id"]) == []
