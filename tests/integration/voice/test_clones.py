"""Tests of training, consent, sharing and withdrawal of clones."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echo_common.backoff import Backoff
from echo_common.storage.port import ObjectInfo, StorageUnavailableError
from echo_voice.domain.consents import UPLOAD_STATEMENT
from echo_voice.domain.rhythm import Rhythm
from echo_voice.provider import Outcome, Progressed, TrainingFailedError, TrainingRequest
from echo_voice.providers.tone import ToneProvider
from echo_voice.similarity import SpectralEncoder
from tests.integration.voice.conftest import ATTESTED, Start, VoiceClient
from tests.support.eventually import eventually
from tests.support.person import data, refusal


async def test_clones_are_trained_in_the_background_and_report_their_quality(ada: VoiceClient, speech: bytes) -> None:
    sample = await ada.sample(speech)
    receipt = await ada.clone(sample["id"], name="Me")

    clone = await ada.trained(receipt["clone_id"])

    assert (clone["status"], clone["progress"], clone["engine"]) == ("ready", 100, "tone")
    assert clone["quality"]["similarity"] == 1.0
    assert clone["sample_ids"] == [sample["id"]]
    history = await ada.get(f"/voice/clones/{clone['id']}/trainings")
    assert [(training["job_id"], training["status"]) for training in history] == [(receipt["job_id"], "completed")]


async def test_a_single_sample_is_enough_for_training(ada: VoiceClient, speech: bytes) -> None:
    sample = await ada.sample(speech)
    body = {"config": {"epochs": 50, "batch_size": 64}, "consent": ATTESTED}

    receipt = data(await ada.ask("POST", f"/voice/samples/{sample['id']}/train", json=body), 202)

    assert receipt["status"] == "pending"
    assert receipt["features"] == {"timestamp_alignment_enabled": True, "voice_quality_enhancement": True}
    found = await ada.get(f"/voice/clones?job_id={receipt['training_job_id']}")
    assert (await ada.trained(found[0]["id"]))["status"] == "ready"


async def test_documented_training_bodies_work_right_after_the_upload_without_consent(ada: VoiceClient, speech: bytes) -> None:
    sample_id = data(await ada.upload(speech), 201)["sample_id"]
    config = {"epochs": 100, "learning_rate": 0.001, "batch_size": 32, "enable_timestamp_alignment": True}

    receipt = data(await ada.ask("POST", f"/voice/samples/{sample_id}/train", json={"config": config}), 202)

    assert receipt["trainer_config"] == {"epochs": 1, "learning_rate": 0.1, "batch_size": 1, "steps": 1}
    await ada.processed(sample_id)
    clone = await ada.trained(receipt["clone_id"])
    assert clone["status"] == "ready"
    consent = await ada.get(f"/voice/consents/{clone['consent_id']}")
    assert (consent["kind"], consent["statement"]) == ("attested", UPLOAD_STATEMENT)


async def test_trainings_start_as_soon_as_their_sample_is_processed(
    ada: VoiceClient, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echo_common.work.queue._BACKOFF", Backoff(600, 600))
    sample_id = data(await ada.upload(speech), 201)["sample_id"]
    receipt = data(await ada.ask("POST", f"/voice/samples/{sample_id}/train", json={}), 202)
    assert (await ada.trained(receipt["clone_id"]))["status"] == "ready"


async def test_trainings_from_a_sample_are_limited_to_the_documented_ranges(ada: VoiceClient, speech: bytes) -> None:
    path = f"/voice/samples/{data(await ada.upload(speech), 201)['sample_id']}/train"
    for name, value in [("epochs", 1_001), ("epochs", 0), ("batch_size", 65), ("learning_rate", 0.000009)]:
        assert refusal(await ada.ask("POST", path, json={"config": {name: value}})) == (422, "VALIDATION_ERROR")
    for name, value in [("epochs", 1), ("epochs", 1_000), ("batch_size", 64), ("learning_rate", 0.00001)]:
        data(await ada.ask("POST", path, json={"config": {name: value}}), 202)


async def test_training_from_a_sample_without_its_spoken_consent_is_refused(start: Start, speech: bytes) -> None:
    async with start(consent="spoken") as ada:
        sample = await ada.sample(speech)
        answer = await ada.ask("POST", f"/voice/samples/{sample['id']}/train", json={})
        assert refusal(answer) == (403, "CONSENT_REQUIRED")


async def test_cloning_requires_consent(ada: VoiceClient, speech: bytes) -> None:
    sample = await ada.sample(speech)
    for consent in (None, {}, {"attested": False}):
        answer = await ada.ask("POST", "/voice/clones", json={"name": "x", "sample_ids": [sample["id"]], "consent": consent})
        assert refusal(answer) == (403, "CONSENT_REQUIRED")
    assert await ada.get("/voice/clones") == []


async def test_trainings_can_be_cancelled_and_resumed(ada: VoiceClient, speech: bytes) -> None:
    sample = await ada.sample(speech)
    clone_id = (await ada.clone(sample["id"], name="tone-hang"))["clone_id"]

    async def begun() -> bool:
        return bool((await ada.get(f"/voice/clones/{clone_id}"))["status"] == "training")

    await eventually(begun)
    data(await ada.ask("PATCH", f"/voice/clones/{clone_id}", json={"status": "cancelled", "name": "Now it works"}))
    assert (await ada.trained(clone_id))["status"] == "cancelled"

    data(await ada.ask("POST", f"/voice/clones/{clone_id}/train", json={}), 202)

    assert (await ada.trained(clone_id))["status"] == "ready"
    history = await ada.get(f"/voice/clones/{clone_id}/trainings")
    assert [training["status"] for training in history] == ["completed", "cancelled"]


async def test_selecting_a_clone_in_training_is_a_conflict_with_its_progress(
    ada: VoiceClient, eve: VoiceClient, speech: bytes
) -> None:
    sample = await ada.sample(speech)
    path = f"/voice/clones/{(await ada.clone(sample['id'], name='tone-hang'))['clone_id']}/select"

    answer = await ada.ask("POST", path)

    assert refusal(answer) == (409, "CLONE_STATE_CONFLICT")
    details = answer.json()["error"]["details"]
    assert details["status"] in {"pending", "training"}
    assert 0 <= details["progress"] < 100
    assert refusal(await eve.ask("POST", path)) == (404, "CLONE_NOT_FOUND")


async def test_failed_trainings_report_the_reason(ada: VoiceClient, speech: bytes) -> None:
    sample = await ada.sample(speech)
    clone = await ada.trained((await ada.clone(sample["id"], name="tone-fail"))["clone_id"])
    assert (clone["status"], clone["error_code"]) == ("failed", "TRAINING_FAILED")
    answer = await ada.ask("POST", f"/voices/{clone['id']}/shares", json={"public": True})
    assert refusal(answer) == (409, "CLONE_STATE_CONFLICT")


async def test_trainings_of_a_stopped_worker_continue_on_another(start: Start, speech: bytes) -> None:
    async with start() as first:
        sample = await first.sample(speech)
        clone_id = (await first.clone(sample["id"], config={"epochs": 40}))["clone_id"]

        async def begun() -> bool:
            return bool((await first.get(f"/voice/clones/{clone_id}"))["status"] == "training")

        await eventually(begun)
    async with start() as second:
        assert (await second.trained(clone_id))["status"] == "ready"
        held = await second.deps.models.get(clone_id)
        assert (held.losses, held.attempt) == (0, 2)


async def test_revoking_consent_disables_the_voice_permanently(ada: VoiceClient, speech: bytes) -> None:
    sample = await ada.sample(speech)
    clone = await ada.trained((await ada.clone(sample["id"]))["clone_id"])

    revoked = data(await ada.ask("POST", f"/voice/consents/{clone['consent_id']}/revoke"))

    assert revoked["revoked_at"]
    assert (await ada.get(f"/voice/clones/{clone['id']}"))["status"] == "withdrawn"
    again = await ada.ask("POST", f"/voice/clones/{clone['id']}/train", json={})
    assert refusal(again) == (409, "CLONE_STATE_CONFLICT")
    assert refusal(await ada.ask("GET", f"/voices/{clone['id']}/similar")) == (404, "CLONE_NOT_FOUND")


async def test_an_attestation_does_not_replace_spoken_consent(start: Start, speech: bytes) -> None:
    async with start(consent="spoken") as ada:
        sample = await ada.sample(speech)
        body = {"name": "x", "sample_ids": [sample["id"]], "consent": ATTESTED}
        assert refusal(await ada.ask("POST", "/voice/clones", json=body)) == (403, "CONSENT_REQUIRED")

        statement = await ada.sample(speech)
        await _heard(ada, statement["id"], "I said something else entirely.")
        body["consent"] = {"statement_sample_id": statement["id"]}
        assert refusal(await ada.ask("POST", "/voice/clones", json=body)) == (403, "CONSENT_REQUIRED")

        phrase = await ada.get("/voice/consent-phrase")
        assert refusal(await ada.ask("POST", "/voice/clones", json=body)) == (403, "CONSENT_REQUIRED")
        await _heard(ada, statement["id"], phrase["text"])
        receipt = data(await ada.ask("POST", "/voice/clones", json=body), 202)

        consent = await ada.get(f"/voice/consents/{(await ada.trained(receipt['clone_id']))['consent_id']}")
        assert (consent["kind"], consent["proof"]["words_heard"], consent["statement"]) == ("spoken", 6, phrase["text"])
        # A phrase is good for one consent.
        assert refusal(await ada.ask("POST", "/voice/clones", json=body)) == (403, "CONSENT_REQUIRED")


async def test_similar_voices_are_found_among_accessible_ones(ada: VoiceClient, eve: VoiceClient, speech: bytes) -> None:
    sample = await ada.sample(speech)
    first = (await ada.trained((await ada.clone(sample["id"], name="First"))["clone_id"]))["id"]
    second = (await ada.trained((await ada.clone(sample["id"], name="Second"))["clone_id"]))["id"]
    hers = await eve.sample(speech)
    third = (await eve.trained((await eve.clone(hers["id"], name="Third"))["clone_id"]))["id"]

    assert [near["id"] for near in await ada.get(f"/voices/{first}/similar")] == [second]
    data(await eve.ask("POST", f"/voices/{third}/shares", json={"public": True}))
    assert {near["id"] for near in await ada.get(f"/voices/{first}/similar")} == {second, third}
    data(await eve.ask("DELETE", f"/voices/{third}/shares"))
    assert [near["id"] for near in await ada.get(f"/voices/{first}/similar")] == [second]


async def test_similarity_search_compares_built_in_voices_and_clones(
    ada: VoiceClient, eve: VoiceClient, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = await ada.sample(speech)
    mine = (await ada.trained((await ada.clone(sample["id"], name="Mine"))["clone_id"]))["id"]
    here = await ada.deps.vectors.get(ada.deps.voice_space, mine)
    assert here is not None
    like, unlike = np.asarray(here, np.float32), -np.asarray(here, np.float32)
    monkeypatch.setattr(SpectralEncoder, "builtin", {"af_heart": like, "am_onyx": unlike})

    found = await ada.get(f"/voices/{mine}/similar")
    assert [(voice["id"], voice["name"], voice["kind"]) for voice in found] == [
        ("af_heart", "Heart", "built-in"),
        ("am_onyx", "Onyx", "built-in"),
    ]
    assert [voice["similarity"] for voice in found] == pytest.approx([1, -1], abs=0.001)

    found = await ada.get("/voices/af_heart/similar")
    assert [(voice["id"], voice["kind"]) for voice in found] == [(mine, "clone"), ("am_onyx", "built-in")]
    # nobody else's private clone is ever found
    assert [voice["id"] for voice in await eve.get("/voices/af_heart/similar")] == ["am_onyx"]
    assert [voice["id"] for voice in await eve.get("/voices/af_heart/similar?limit=1")] == ["am_onyx"]
    # of engines whose voices were not measured nothing can be said
    assert refusal(await ada.ask("GET", "/voices/joe/similar")) == (404, "VOICE_NOT_FOUND")


async def test_clones_of_other_users_are_not_found(ada: VoiceClient, eve: VoiceClient, speech: bytes) -> None:
    sample = await ada.sample(speech)
    clone_id = (await ada.trained((await ada.clone(sample["id"]))["clone_id"]))["id"]
    tries: list[tuple[str, str, Any]] = [
        ("GET", f"/voice/clones/{clone_id}", None),
        ("PATCH", f"/voice/clones/{clone_id}", {"name": "mine"}),
        ("DELETE", f"/voice/clones/{clone_id}", None),
        ("POST", f"/voice/clones/{clone_id}/select", None),
        ("POST", f"/voice/clones/{clone_id}/train", {}),
        ("GET", f"/voice/clones/{clone_id}/trainings", None),
        ("POST", f"/voices/{clone_id}/shares", {"public": True}),
        ("GET", f"/voices/{clone_id}/shares", None),
        ("DELETE", f"/voices/{clone_id}/shares", None),
        ("GET", f"/voices/{clone_id}/similar", None),
    ]
    for method, path, body in tries:
        assert refusal(await eve.ask(method, path, json=body)) == (404, "CLONE_NOT_FOUND"), path
    body = {"name": "x", "sample_ids": [sample["id"]], "consent": ATTESTED}
    assert refusal(await eve.ask("POST", "/voice/clones", json=body)) == (404, "SAMPLE_NOT_FOUND")
    assert data(await eve.ask("POST", "/voices/bulk-delete", json={"ids": [clone_id]}))[0]["error"] == "CLONE_NOT_FOUND"


async def _heard(voice_client: VoiceClient, sample_id: str, words: str) -> None:
    """Return the transcript that a recogniser would give; it does not understand espeak's voice."""

    def hear(sample: Any) -> None:
        sample.transcript = words

    await voice_client.deps.samples.update(sample_id, hear)


async def test_checkpoints_are_stored_during_training(ada: VoiceClient, speech: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[bytes | None] = []

    async def train(_: object, request: TrainingRequest, on_progress: Progressed) -> Outcome:
        begun.append(request.checkpoint.read_bytes() if request.checkpoint.exists() else None)
        request.checkpoint.write_bytes(f"step {len(begun)}".encode())
        on_progress(1, 2, None)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    monkeypatch.setattr(ToneProvider, "train", train)
    sample = await ada.sample(speech)
    clone_id = (await ada.clone(sample["id"]))["clone_id"]
    objects = ada.deps.objects

    async def stored() -> bool:
        return [key async for key in objects.keys(f"checkpoints/{clone_id}/")] != []

    await eventually(stored)
    assert (await ada.get(f"/voice/clones/{clone_id}"))["status"] == "training", "nobody has ended it"
    data(await ada.ask("PATCH", f"/voice/clones/{clone_id}", json={"status": "cancelled"}))
    await eventually(lambda: not ada.deps.worker.busy)
    data(await ada.ask("POST", f"/voice/clones/{clone_id}/train", json={}), 202)
    await eventually(lambda: len(begun) == 2)
    assert begun == [None, b"step 1"]


async def test_failed_trainings_end_even_if_their_checkpoint_cannot_be_stored(
    ada: VoiceClient, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def train(_: object, request: TrainingRequest, on_progress: Progressed) -> Outcome:
        request.checkpoint.write_bytes(b"step 1")
        raise TrainingFailedError

    async def put_file(key: str, path: Path, content_type: str) -> ObjectInfo:
        raise StorageUnavailableError

    sample = await ada.sample(speech)
    monkeypatch.setattr(ToneProvider, "train", train)
    monkeypatch.setattr(ada.deps.objects, "put_file", put_file)
    clone = await ada.trained((await ada.clone(sample["id"]))["clone_id"])
    assert (clone["status"], clone["error_code"]) == ("failed", TrainingFailedError.code)


async def test_a_training_receives_the_rhythm_of_its_samples(
    ada: VoiceClient, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[Rhythm | None] = []

    async def train(_: object, request: TrainingRequest, on_progress: Progressed) -> Outcome:
        received.extend(sample.rhythm for sample in request.samples)
        raise TrainingFailedError

    monkeypatch.setattr(ToneProvider, "train", train)
    sample = await ada.sample(speech)
    await ada.trained((await ada.clone(sample["id"]))["clone_id"])
    held = await ada.deps.samples.get(sample["id"])
    assert held.quality is not None
    assert held.quality.rhythm is not None
    assert received == [held.quality.rhythm]
