"""Tests of voices in training: who hears them, what the engine reads, and that nothing of them stays."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from echo_common.audio.style_file import ROWS, STYLE, VoiceStyle, read_style
from echo_common.clock import now
from echo_common.contracts.errors.synthesis import EngineUnavailableError, VoiceNotReadyError
from echo_common.contracts.errors.voice import CloneNotFoundError, CloneStateConflictError
from echo_common.contracts.events.voice import (
    VoiceModelCancelled,
    VoiceModelReady,
    VoiceModelRequested,
    VoiceModelTrainingProgressed,
)
from echo_common.contracts.http.previews import PreviewRequest
from echo_common.contracts.voice_reference import VoiceReference, present_style_key
from echo_common.ids import new_id
from echo_synthesis import composition
from echo_synthesis.audio.decode import decode
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import SpeechSettings
from echo_synthesis.engine import EngineVoice, Speech
from echo_synthesis.engines.kokoro import SPEC as KOKORO
from echo_synthesis.engines.tone import SPEC as TONE
from echo_synthesis.handlers import store_clone, store_training, store_training_cancellation, store_training_progress
from echo_synthesis.usecases.planning import choose_language
from echo_synthesis.usecases.previews import PREVIEW_CONFIG, preview_training
from tests.support.models import Models, Recogniser
from tests.support.synthesis_replica import Replica, principal_of

CLONE, JOB = "vm_" + "0" * 26, "job_train_" + "0" * 26
IDS = {"voice_model_id": CLONE, "user_id": "usr_alice", "job_id": JOB}


@pytest.fixture
async def deps(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dependencies]:
    """Alice trains a clone. The engine is Kokoro's name for the tone engine."""
    engine = replace(
        TONE,
        name="kokoro",
        voices=lambda _: (EngineVoice("af_heart", "Heart", "en-US", "neutral"),),
        style_file=KOKORO.style_file,
        clone_languages=KOKORO.clone_languages,
    )
    monkeypatch.setattr(composition, "discover", lambda _names=None: {"kokoro": engine, "tone": TONE})
    async with replica(engines=("kokoro", "tone"), default_voice="af_heart") as deps:
        await begin(deps)
        yield deps


async def begin(deps: Dependencies) -> None:
    earlier = now() - timedelta(seconds=2)
    await store_training(VoiceModelRequested(**IDS, sample_ids=("vs_1",), occurred_at=earlier), deps)
    progressed = VoiceModelTrainingProgressed(**IDS, steps_done=12, steps_total=48, occurred_at=earlier + timedelta(seconds=1))
    await store_training_progress(progressed, deps)


async def store(deps: Dependencies, style: VoiceStyle, folder: Path, job_id: str = JOB) -> None:
    style.save(folder / "present")
    await deps.objects.put_file(present_style_key(CLONE, job_id), folder / "present", "application/octet-stream")


def constant(value: float) -> VoiceStyle:
    return VoiceStyle(np.full((ROWS, STYLE), value, np.float32))


async def found(deps: Dependencies, user_id: str = "usr_alice") -> str:
    return (await deps.training_voices.find(CLONE, user_id)).voice.id


async def style_of(name: str, deps: Dependencies) -> VoiceStyle:
    reference = VoiceReference.parse((await deps.training_voices.voice_names(name)).name)
    assert reference.kind == "file"
    return read_style(Path(reference.value))


def files(folder: Path) -> list[Path]:
    """Return the style files of voices in training that engines read."""
    return list((folder / "scratch").rglob("training-*"))


async def test_engines_read_the_present_state(deps: Dependencies, tmp_path: Path) -> None:
    await store(deps, constant(1.0), tmp_path)
    voice = await found(deps)
    first = await deps.training_voices.voice_names(voice)
    assert np.allclose((await style_of(voice, deps)).table, 1.0)
    await store(deps, constant(2.0), tmp_path)
    second = await deps.training_voices.voice_names(voice)
    assert np.allclose((await style_of(voice, deps)).table, 2.0)
    assert first.name != second.name, "engines keep styles by their names"


async def test_files_of_a_preview_are_removed_with_the_last_listener(deps: Dependencies, tmp_path: Path) -> None:
    await store(deps, constant(1.0), tmp_path)
    voice = await found(deps)
    async with deps.training_voices.heard(voice):
        async with deps.training_voices.heard(voice):
            await style_of(voice, deps)
        assert len(files(tmp_path)) == 1
    assert files(tmp_path) == []


async def test_only_the_owner_hears_a_training(deps: Dependencies, tmp_path: Path) -> None:
    await store(deps, constant(1.0), tmp_path)
    for clone_id, user_id in ((CLONE, "usr_bob"), ("vm_" + "1" * 26, "usr_alice"), ("af_heart", "usr_alice")):
        with pytest.raises(CloneNotFoundError):
            await deps.training_voices.find(clone_id, user_id)


async def test_a_training_without_a_state_is_not_ready_and_tells_its_progress(deps: Dependencies, tmp_path: Path) -> None:
    with pytest.raises(VoiceNotReadyError, match="25 %") as refused:
        await found(deps)
    assert refused.value.details == {"status": "training", "progress": 25}
    await store(deps, constant(1.0), tmp_path, job_id=new_id("job_train"))  # of an earlier training
    with pytest.raises(VoiceNotReadyError):
        await found(deps)


@pytest.mark.parametrize("end", ["ready", "cancelled"])
async def test_an_ended_training_cannot_be_heard(deps: Dependencies, tmp_path: Path, end: str) -> None:
    await store(deps, constant(1.0), tmp_path)
    voice = await found(deps)
    if end == "cancelled":
        await store_training_cancellation(VoiceModelCancelled(**IDS), deps)
    else:
        facts = {"revision": 1, "name": "Me", "provider": "local", "engine": "kokoro", "reference": "object:styles/x/y"}
        more = {
            "language": "en",
            "gender": "female",
            "public": False,
            "shared_with": (),
            "usable": True,
            "sample_ids": ("vs_1",),
        }
        await store_clone(VoiceModelReady.model_validate({**IDS, **facts, **more}), deps)
    with pytest.raises(CloneStateConflictError, match=f"/{CLONE}/{'preview' if end == 'ready' else 'train'}"):
        await found(deps)
    await deps.objects.delete(present_style_key(CLONE, JOB))  # as the voice service does
    with pytest.raises(VoiceNotReadyError, match="ended"):
        await deps.training_voices.voice_names(voice)


async def test_english_of_a_training_has_the_accent_of_its_style(deps: Dependencies, tmp_path: Path) -> None:
    await store(deps, constant(1.0), tmp_path)
    voice = await deps.training_voices.find(CLONE, "usr_alice")
    language = choose_language(voice, None, "This is my voice so far.", PREVIEW_CONFIG, deps)
    assert language == "en", "a region would determine the accent"


async def test_without_an_engine_for_styles_no_training_is_heard(replica: Replica, tmp_path: Path) -> None:
    async with replica() as deps:
        await begin(deps)
        await store(deps, constant(1.0), tmp_path)
        with pytest.raises(EngineUnavailableError, match="kokoro"):
            await found(deps)


def test_speech_of_voices_in_training_counts_as_cloned_and_is_not_cached() -> None:
    settings = SpeechSettings(voice_id=f"training:{CLONE}:{JOB}", engine="kokoro", language="en-US")
    assert settings.cloned
    assert settings.unsaved


@pytest.mark.slow
async def test_a_preview_speaks_with_the_present_voice(
    replica: Replica, speech_models: Models, recogniser: Recogniser, tmp_path: Path
) -> None:
    """The preview is not cached, is recorded as cloned speech, and leaves no file."""
    request = PreviewRequest(text="The weather in the mountains is beautiful today.")
    models = speech_models("kokoro")
    async with replica(engines=("kokoro",), default_voice="af_heart", models=models) as deps:
        await begin(deps)
        await store(deps, read_style(models / "kokoro" / "voices" / "af_heart.bin"), tmp_path)
        parts = [part async for part in await preview_training(CLONE, request, principal_of("usr_alice"), deps)]
        await deps.cache.wait_for_writes()
        assert [key async for key in deps.objects.keys("speech/")] == []
        assert files(tmp_path) == []
        [record] = [record async for record in deps.provenance.records.of_user("usr_alice")]
    assert record.cloned
    assert record.voice_id == f"training:{CLONE}:{JOB}"
    samples, rate = decode(b"".join(part.audio for part in parts), "audio/mpeg")
    assert recogniser.transcribe(Speech(samples, rate, (), "model")) == request.text
