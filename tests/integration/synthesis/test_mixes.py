"""Tests of mixes that are not saved: who may mix what, and the styles that engines read."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echo_common.audio.style_file import ROWS, STYLE, read_style
from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.errors.voice import VoiceMixConflictError, VoiceMixForbiddenError
from echo_common.contracts.events.voice import VoiceModelReady, VoiceModelWithdrawn
from echo_common.contracts.http.voice_mixes import MixPreviewRequest
from echo_common.contracts.voice_reference import VoiceReference
from echo_common.ids import new_id
from echo_synthesis import composition
from echo_synthesis.audio.decode import decode
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import SpeechSettings
from echo_synthesis.engine import EngineVoice, Speech
from echo_synthesis.engines.kokoro import SPEC as KOKORO
from echo_synthesis.engines.tone import SPEC as TONE
from echo_synthesis.handlers import store_clone, withdraw_clone
from echo_synthesis.usecases.previews import preview_mix
from tests.support.models import Models, Recogniser
from tests.support.synthesis_replica import Replica, principal_of

MINE = "vm_" + "0" * 26
HERS = "vm_" + "1" * 26
VALUES = {"af_heart": 1.0, "bm_george": 3.0, MINE: 9.0}
"""The value of all numbers of each voice's style."""


def table(value: float) -> bytes:
    return np.full((ROWS, STYLE), value, "<f4").tobytes()


def facts(voice_id: str, user_id: str, **more: object) -> dict[str, object]:
    return {
        "voice_model_id": voice_id,
        "user_id": user_id,
        "revision": 1,
        "name": "Clone",
        "provider": "local",
        "engine": "kokoro",
        "reference": f"object:styles/{voice_id}/job-1",
        "language": "en",
        "gender": "female",
        "public": False,
        "shared_with": (),
        "usable": True,
        **more,
    }


@pytest.fixture
async def deps(replica: Replica, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Dependencies]:
    """Alice has a clone, and Bob shares one with her. The engine is Kokoro's name for the tone engine."""
    voices = tuple(EngineVoice(name, name, "en-US", "neutral") for name in ("af_heart", "bm_george"))
    engine = replace(
        TONE,
        name="kokoro",
        voices=lambda _: voices,
        style_file=KOKORO.style_file,
        clone_languages=KOKORO.clone_languages,
    )
    monkeypatch.setattr(composition, "discover", lambda _names=None: {"kokoro": engine, "tone": TONE})
    folder = tmp_path / "kokoro" / "voices"
    folder.mkdir(parents=True)
    for name in ("af_heart", "bm_george"):
        (folder / f"{name}.bin").write_bytes(table(VALUES[name]))
    async with replica(engines=("kokoro", "tone"), default_voice="af_heart") as deps:
        (tmp_path / "style").write_bytes(table(VALUES[MINE]))
        await deps.objects.put_file(f"styles/{MINE}/job-1", tmp_path / "style", "application/octet-stream")
        for shared in (facts(MINE, "usr_alice"), facts(HERS, "usr_bob", shared_with=("usr_alice",))):
            await store_clone(VoiceModelReady.model_validate(shared | {"job_id": new_id("job")}), deps)
        yield deps


async def mixed(deps: Dependencies, **shares: float) -> str:
    return (await deps.mixes.find(shares, "usr_alice")).voice.id


async def style_of(name: str, deps: Dependencies) -> np.ndarray:
    reference = VoiceReference.parse((await deps.mixes.voice_names(name)).name)
    assert reference.kind == "file"
    return read_style(Path(reference.value)).table


async def test_engines_read_the_weighted_mean_of_the_styles(deps: Dependencies) -> None:
    name = await mixed(deps, **{"af_heart": 0.5, MINE: 0.25, "bm_george": 0.25})
    assert np.allclose(await style_of(name, deps), 0.5 * 1 + 0.25 * 9 + 0.25 * 3)
    assert np.allclose(await style_of(name, deps), 3.5)  # the file that is there by now


async def test_thirds_add_up_to_one(deps: Dependencies) -> None:
    name = await mixed(deps, **{"af_heart": 1 / 3, MINE: 2 / 3})
    assert np.allclose(await style_of(name, deps), (1 + 2 * 9) / 3, atol=1e-5)


async def test_mixes_differ_in_their_labels_by_shares_and_by_training(deps: Dependencies, tmp_path: Path) -> None:
    names = [await mixed(deps, **{"af_heart": share, MINE: 1 - share}) for share in (0.25, 0.75)]
    before = [(await deps.mixes.voice_names(name)).label for name in names]
    again = facts(MINE, "usr_alice", revision=2, reference=f"object:styles/{MINE}/job-2", job_id=new_id("job"))
    stored = b"".join([block async for block in deps.objects.read(f"styles/{MINE}/job-1")])
    (tmp_path / "again").write_bytes(stored)
    await deps.objects.put_file(f"styles/{MINE}/job-2", tmp_path / "again", "application/octet-stream")
    await store_clone(VoiceModelReady.model_validate(again), deps)
    after = [(await deps.mixes.voice_names(name)).label for name in names]
    assert len({*before, *after}) == 4


async def test_a_mix_cannot_speak_when_a_clone_in_it_is_withdrawn(deps: Dependencies) -> None:
    name = await mixed(deps, **{"af_heart": 0.5, MINE: 0.5})
    await style_of(name, deps)
    await withdraw_clone(VoiceModelWithdrawn.model_validate(facts(MINE, "usr_alice", revision=3, usable=False)), deps)
    with pytest.raises(VoiceNotFoundError):
        await deps.mixes.voice_names(name)
    with pytest.raises(VoiceNotFoundError):
        await mixed(deps, **{"af_heart": 0.5, MINE: 0.5})


async def test_clones_of_others_cannot_be_mixed(deps: Dependencies) -> None:
    with pytest.raises(VoiceMixForbiddenError):
        await mixed(deps, **{"af_heart": 0.5, HERS: 0.5})
    with pytest.raises(VoiceNotFoundError):
        await deps.mixes.find({"af_heart": 0.5, MINE: 0.5}, "usr_bob")


async def test_voices_of_engines_without_styles_cannot_be_mixed(deps: Dependencies) -> None:
    with pytest.raises(VoiceMixConflictError, match="tone_low is spoken by tone, whose voices cannot be mixed"):
        await mixed(deps, af_heart=0.5, tone_low=0.5)


async def test_voices_of_two_engines_cannot_be_mixed(deps: Dependencies, monkeypatch: pytest.MonkeyPatch) -> None:
    low = deps.voices.find("tone_low")
    other = replace(low, engine=replace(low.engine, style_file=KOKORO.style_file))
    monkeypatch.setattr(
        deps.voices, "find", lambda voice_id: other if voice_id == "tone_low" else replace(other, engine=KOKORO)
    )
    with pytest.raises(VoiceMixConflictError, match="tone_low is spoken by tone, not kokoro"):
        await mixed(deps, af_heart=0.5, tone_low=0.5)


def test_speech_of_mixes_counts_as_cloned() -> None:
    settings = SpeechSettings(voice_id="mix:af_heart*0.5+bm_george*0.5", engine="kokoro", language="en-US")
    assert settings.cloned
    assert settings.unsaved


@pytest.mark.slow
async def test_a_preview_speaks_the_text_in_the_mixed_voice(
    replica: Replica, speech_models: Models, recogniser: Recogniser
) -> None:
    """The preview is not cached, and is recorded as cloned speech."""
    voices = [{"voice_id": "af_heart", "weight": 2}, {"voice_id": "bm_george", "weight": 1}]
    request = MixPreviewRequest.model_validate({"voices": voices, "text": "The weather in the mountains is beautiful today."})
    async with replica(engines=("kokoro",), default_voice="af_heart", models=speech_models("kokoro")) as deps:
        parts = [part async for part in await preview_mix(request, principal_of("usr_alice"), deps)]
        await deps.cache.wait_for_writes()
        assert [key async for key in deps.objects.keys("speech/")] == []
        [record] = [record async for record in deps.provenance.records.of_user("usr_alice")]
    assert record.cloned
    assert record.voice_id == "mix:af_heart*0.666667+bm_george*0.333333"
    samples, rate = decode(b"".join(part.audio for part in parts), "audio/mpeg")
    assert recogniser.transcribe(Speech(samples, rate, (), "model")) == request.text
