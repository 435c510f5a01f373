"""Tests of voices that are mixed from others: what may be mixed, and their withdrawal."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echo_common.audio.style_file import ROWS, STYLE, VoiceStyle, read_style
from echo_common.contracts.values import JobStatus
from echo_common.ids import new_id
from echo_voice.domain.consents import Consent
from echo_voice.domain.values import MixedVoice, TrainingOptions
from echo_voice.domain.voice_models import TrainingResult, VoiceModel
from echo_voice.usecases import mixing
from tests.integration.voice.conftest import Start, VoiceClient
from tests.support.eventually import eventually
from tests.support.person import data, refusal

HEART, GEORGE, MINE = 1.0, 3.0, 9.0
"""The value of all numbers of a style."""


def constant(value: float) -> VoiceStyle:
    return VoiceStyle(np.full((ROWS, STYLE), value, np.float32))


@pytest.fixture
async def ada(start: Start, tmp_path: Path) -> AsyncIterator[VoiceClient]:
    voices = tmp_path / "kokoro" / "voices"
    voices.mkdir(parents=True)
    for name, value in (("af_heart", HEART), ("bm_george", GEORGE)):
        constant(value).table.tofile(voices / f"{name}.bin")
    async with start() as client:
        yield client


@pytest.fixture
async def mine(ada: VoiceClient, tmp_path: Path) -> VoiceModel:
    return await trained("usr_ada", ada, tmp_path)


async def trained(user_id: str, client: VoiceClient, folder: Path, **facts: Any) -> VoiceModel:
    """Store a trained voice model, with its consent and its style."""
    deps = client.deps
    consent = Consent(id=new_id("cns"), user_id=user_id, kind="attested", statement="It is mine.")
    await deps.consents.add(consent)
    key = new_id("vm")
    constant(MINE).save(folder / "style")
    await deps.objects.put_file(f"styles/{key}/job-1", folder / "style", "application/octet-stream")
    model = VoiceModel(
        id=key,
        user_id=user_id,
        **{
            "name": "Mine",
            "provider": "local",
            "language": "en",
            "sample_ids": ("vs_1",),
            "consent_id": consent.id,
            "config": TrainingOptions(),
            "job_id": new_id("job_train"),
            "work": JobStatus.COMPLETED,
            "made": TrainingResult(engine="kokoro", reference=f"object:styles/{key}/job-1", gender="female"),
            **facts,
        },
    )
    await deps.models.add(model)
    return model


def weighted(**weights: float) -> list[dict[str, Any]]:
    return [{"voice_id": voice_id, "weight": weight} for voice_id, weight in weights.items()]


async def mix(client: VoiceClient, **weights: float) -> dict[str, Any]:
    body = {"name": "Mixed", "voices": weighted(**weights)}
    mixed: dict[str, Any] = data(await client.ask("POST", "/voices/mix", json=body), 201)
    return mixed


async def refused(client: VoiceClient, **weights: float) -> tuple[int, str]:
    return refusal(await client.ask("POST", "/voices/mix", json={"name": "Mixed", "voices": weighted(**weights)}))


async def stored_style(client: VoiceClient, model_id: str, folder: Path) -> VoiceStyle:
    made = (await client.deps.models.get(model_id)).made
    assert made is not None
    (folder / "stored").write_bytes(b"".join([block async for block in client.deps.objects.read(made.voice.value)]))
    return read_style(folder / "stored")


async def status(client: VoiceClient, model_id: str) -> str:
    return str((await client.get(f"/voice/clones/{model_id}"))["status"])


async def test_a_mix_is_the_weighted_mean_of_its_voices(ada: VoiceClient, mine: VoiceModel, tmp_path: Path) -> None:
    mixed = await mix(ada, **{mine.id: 2, "af_heart": 5, "bm_george": 1})
    assert (mixed["status"], mixed["engine"], mixed["progress"], mixed["consent_id"]) == ("ready", "kokoro", 100, None)
    assert mixed["voices"] == [
        {"voice_id": "af_heart", "share": 0.625},
        {"voice_id": mine.id, "share": 0.25},
        {"voice_id": "bm_george", "share": 0.125},
    ]
    expected = 0.625 * HEART + 0.25 * MINE + 0.125 * GEORGE
    assert np.allclose((await stored_style(ada, mixed["id"], tmp_path)).table, expected)


async def test_a_mix_has_the_accent_of_its_largest_voice(ada: VoiceClient, tmp_path: Path) -> None:
    for weight, accent in ((2, "en-GB"), (0.5, "en-US")):
        mixed = await mix(ada, bm_george=weight, af_heart=1)
        assert (await stored_style(ada, mixed["id"], tmp_path)).accent == accent


async def test_a_mix_in_a_mix_counts_as_its_voices(ada: VoiceClient, mine: VoiceModel, tmp_path: Path) -> None:
    first = await mix(ada, **{mine.id: 1, "af_heart": 1})
    second = await mix(ada, **{first["id"]: 1, "af_heart": 1})
    assert second["voices"] == [{"voice_id": "af_heart", "share": 0.75}, {"voice_id": mine.id, "share": 0.25}]
    assert np.allclose((await stored_style(ada, second["id"], tmp_path)).table, 0.75 * HEART + 0.25 * MINE)


async def test_a_mix_is_used_like_any_voice_model(ada: VoiceClient, mine: VoiceModel) -> None:
    mixed = await mix(ada, **{mine.id: 1, "af_heart": 1})
    assert mixed["id"] in [clone["id"] for clone in await ada.get("/voice/clones")]
    assert data(await ada.ask("PATCH", f"/voice/clones/{mixed['id']}", json={"name": "We"}))["name"] == "We"
    assert data(await ada.ask("POST", f"/voices/{mixed['id']}/shares", json={"public": True}))["public"]
    assert data(await ada.ask("POST", f"/voice/clones/{mixed['id']}/select"))["voice_id"] == mixed["id"]
    exported = [item async for item in ada.deps.user_data.export("usr_ada")]
    assert f"{mixed['id']}/style" in [getattr(item, "id", None) for item in exported]
    data(await ada.ask("DELETE", f"/voice/clones/{mixed['id']}"))
    assert [key async for key in ada.deps.objects.keys(f"styles/{mixed['id']}/")] == []
    assert await status(ada, mine.id) == "ready"


async def test_a_mix_is_no_training(ada: VoiceClient) -> None:
    mixed = await mix(ada, af_heart=1, bm_george=1)
    assert await ada.get(f"/voice/clones/{mixed['id']}/trainings") == []
    assert await ada.get("/job?type=training") == []
    again = await ada.ask("POST", f"/voice/clones/{mixed['id']}/train", json={})
    assert refusal(again) == (409, "CLONE_STATE_CONFLICT")


async def test_voices_of_other_users_cannot_be_mixed(ada: VoiceClient, mine: VoiceModel) -> None:
    eve = ada.acting_as("usr_eve")
    weights = {mine.id: 1.0, "af_heart": 1.0}
    assert await refused(eve, **weights) == (404, "VOICE_NOT_FOUND")
    data(await ada.ask("POST", f"/voices/{mine.id}/shares", json={"public": True}))
    assert await refused(eve, **weights) == (403, "VOICE_MIX_FORBIDDEN")


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"made": TrainingResult(engine="tone", reference="tone_low")}, "VOICE_MIX_CONFLICT"),
        ({"made": None, "work": JobStatus.PROCESSING, "attempt": 1}, "CLONE_STATE_CONFLICT"),
    ],
)
async def test_clones_without_a_style_cannot_be_mixed(
    facts: dict[str, Any], code: str, ada: VoiceClient, tmp_path: Path
) -> None:
    other = await trained("usr_ada", ada, tmp_path, **facts)
    assert await refused(ada, **{other.id: 1, "af_heart": 1}) == (409, code)


async def test_mixes_need_several_known_voices_and_positive_weights(ada: VoiceClient) -> None:
    assert await refused(ada, af_heart=1, af_nobody=1) == (404, "VOICE_NOT_FOUND")
    assert await refused(ada, **{"af_heart": 1, "../voices/bm_george": 1}) == (404, "VOICE_NOT_FOUND")
    assert await refused(ada, af_heart=1) == (422, "VALIDATION_ERROR")
    assert await refused(ada, af_heart=1, bm_george=0) == (422, "VALIDATION_ERROR")
    assert await refused(ada, **{f"af_{number}": 1 for number in range(9)}) == (422, "VALIDATION_ERROR")
    same = {"name": "Mixed", "voices": [{"voice_id": "af_heart"}] * 2}
    assert refusal(await ada.ask("POST", "/voices/mix", json=same)) == (422, "VALIDATION_ERROR")


async def test_the_number_of_mixes_is_limited(ada: VoiceClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "_MOST_MIXES", 1)
    await mix(ada, af_heart=1, bm_george=1)
    assert await refused(ada, af_heart=1, bm_george=1) == (409, "VOICE_MIX_LIMIT_CONFLICT")


async def test_revoking_a_consent_withdraws_the_mixes_of_its_voice(ada: VoiceClient, mine: VoiceModel) -> None:
    first = await mix(ada, **{mine.id: 1, "af_heart": 1})
    second = await mix(ada, **{first["id"]: 1, "bm_george": 1})
    builtin = await mix(ada, af_heart=1, bm_george=1)
    data(await ada.ask("POST", f"/voice/consents/{mine.consent_id}/revoke"))
    assert [await status(ada, mixed["id"]) for mixed in (first, second, builtin)] == ["withdrawn", "withdrawn", "ready"]
    assert await refused(ada, **{first["id"]: 1, "af_heart": 1}) == (404, "VOICE_NOT_FOUND")


async def test_deleting_a_clone_withdraws_its_mixes(ada: VoiceClient, mine: VoiceModel) -> None:
    mixed = await mix(ada, **{mine.id: 1, "af_heart": 1})
    data(await ada.ask("DELETE", f"/voice/clones/{mine.id}"))
    assert await status(ada, mixed["id"]) == "withdrawn"


async def test_events_withdraw_mixes_after_a_crash(ada: VoiceClient, tmp_path: Path) -> None:
    deleted, revoked = [await trained("usr_ada", ada, tmp_path) for _ in range(2)]
    mixes = [await mix(ada, **{model.id: 1, "af_heart": 1}) for model in (deleted, revoked)]
    await ada.deps.models.update(deleted.id, VoiceModel.delete)
    await ada.deps.models.update(revoked.id, VoiceModel.withdraw)

    async def withdrawn() -> bool:
        return [await status(ada, mixed["id"]) for mixed in mixes] == ["withdrawn", "withdrawn"]

    await eventually(withdrawn)


async def test_a_voice_that_is_withdrawn_meanwhile_leaves_no_mix(
    ada: VoiceClient, mine: VoiceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = mixing._make

    async def withdraw_first(*args: Any) -> TrainingResult:
        made = await make(*args)
        data(await ada.ask("POST", f"/voice/consents/{mine.consent_id}/revoke"))
        return made

    monkeypatch.setattr(mixing, "_make", withdraw_first)
    assert await refused(ada, **{mine.id: 1, "af_heart": 1}) == (404, "VOICE_NOT_FOUND")
    assert [clone["id"] for clone in await ada.get("/voice/clones")] == [mine.id]
    stored = {key.split("/")[1] async for key in ada.deps.objects.keys("styles/")}
    assert stored == {mine.id}


async def test_a_mix_whose_clone_is_gone_is_withdrawn_by_its_event(ada: VoiceClient) -> None:
    """The process that mixed the voices died before it looked at the clone again."""
    made = TrainingResult(engine="kokoro", reference="object:styles/x/mix")
    voices = [MixedVoice(voice_id=new_id("vm"), share=0.5), MixedVoice(voice_id="af_heart", share=0.5)]
    model = VoiceModel.mix(new_id("vm"), "usr_ada", name="Mixed", language="en", voices=voices, made=made)
    await ada.deps.models.add(model)

    async def withdrawn() -> bool:
        return await status(ada, model.id) == "withdrawn"

    await eventually(withdrawn)


async def test_erasing_a_user_erases_the_mixes(ada: VoiceClient, mine: VoiceModel) -> None:
    await mix(ada, **{mine.id: 1, "af_heart": 1})
    await ada.deps.erasure.begin("usr_ada")

    async def erased() -> bool:
        return await ada.get("/voice/clones") == [] and [key async for key in ada.deps.objects.keys("styles/")] == []

    await eventually(erased)
