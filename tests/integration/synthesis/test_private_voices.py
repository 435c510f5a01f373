"""Tests of access to cloned voices and of their cached speech."""

from datetime import timedelta

import pytest

from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.synthesis import VoiceNotFoundError, VoiceNotReadyError
from echo_common.contracts.events.voice import (
    VoiceModelFailed,
    VoiceModelReady,
    VoiceModelRequested,
    VoiceModelShared,
    VoiceModelTrainingProgressed,
    VoiceModelWithdrawn,
)
from echo_common.contracts.http.synthesis import SynthesizeRequest
from echo_common.ids import new_id
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.handlers import (
    add_share,
    store_clone,
    store_training,
    store_training_failure,
    store_training_progress,
    withdraw_clone,
)
from echo_synthesis.usecases.speech import synthesize
from tests.support.synthesis_replica import Replica, principal_of

ALICE, BOB = principal_of("usr_alice"), principal_of("usr_bob")
CLONE = "vm_" + "0" * 26
FACTS = {
    "voice_model_id": CLONE,
    "user_id": "usr_alice",
    "name": "Alice",
    "provider": "tone",
    "engine": "tone",
    "reference": "tone_high",
    "language": "en-US",
    "gender": "neutral",
}


async def trained(deps: Dependencies, *, public: bool = False, shared_with: tuple[str, ...] = ()) -> None:
    ready = VoiceModelReady(**FACTS, revision=1, public=public, shared_with=shared_with, usable=True, job_id=new_id("job"))
    await store_clone(ready, deps)


async def kept(who: Principal, deps: Dependencies) -> int:
    """Return the cached part of a sentence."""
    audio = await synthesize(SynthesizeRequest(text="My secret.", voice_id=CLONE), who, deps)
    await deps.cache.wait_for_writes()
    return audio.cached_units


async def test_cached_speech_of_private_voices_is_separated_by_user(replica: Replica) -> None:
    async with replica() as deps:
        await trained(deps, shared_with=("usr_bob",))
        assert [await kept(ALICE, deps), await kept(ALICE, deps)] == [0, 1]
        assert [await kept(BOB, deps), await kept(BOB, deps)] == [0, 1]


async def entries(deps: Dependencies) -> int:
    return len([key async for key in deps.objects.keys("speech/")])


async def test_cached_speech_of_public_voices_is_shared_without_disclosure(replica: Replica) -> None:
    async with replica() as deps:
        await trained(deps, public=True)
        assert [await kept(ALICE, deps), await kept(BOB, deps), await kept(BOB, deps)] == [0, 0, 1]
        assert await entries(deps) == 1


async def test_a_setting_separates_cached_speech_by_user(replica: Replica) -> None:
    async with replica(cache_shared=False) as deps:
        await trained(deps, public=True)
        assert [await kept(ALICE, deps), await kept(BOB, deps), await kept(BOB, deps)] == [0, 0, 1]
        assert await entries(deps) == 2


async def test_withdrawn_voices_are_removed_from_the_cache(replica: Replica) -> None:
    async with replica() as deps:
        await trained(deps)
        await kept(ALICE, deps)
        gone = FACTS | {"revision": 3, "public": False, "shared_with": (), "usable": False}
        await withdraw_clone(VoiceModelWithdrawn(**gone), deps)
        assert [key async for key in deps.objects.keys("speech/")] == []
        late = FACTS | {"revision": 2, "public": True, "shared_with": (), "usable": True}
        await add_share(VoiceModelShared(**late), deps)
        assert await deps.clones.list("usr_alice") == []


SAMPLE = "vs_" + "0" * 26
REQUESTED = {"voice_model_id": CLONE, "user_id": "usr_alice", "job_id": "job_1"}


async def not_ready(voice_id: str, deps: Dependencies) -> object:
    """Return the details of the error of speech with a clone that is not ready."""
    with pytest.raises(VoiceNotReadyError) as refused:
        await synthesize(SynthesizeRequest(text="Hello.", voice_id=voice_id), ALICE, deps)
    return refused.value.details


async def test_speech_with_a_clone_in_training_is_a_conflict_with_its_progress(replica: Replica) -> None:
    async with replica() as deps:
        requested = VoiceModelRequested(**REQUESTED, sample_ids=(SAMPLE,), occurred_at=now() - timedelta(seconds=1))
        progressed = VoiceModelTrainingProgressed(**REQUESTED, steps_done=1, steps_total=4)
        await store_training_progress(progressed, deps)
        await store_training(requested, deps)
        for voice_id in (CLONE, SAMPLE):
            expected = {"voice_id": CLONE, "status": "training", "progress": 25}
            assert await not_ready(voice_id, deps) == expected
            with pytest.raises(VoiceNotFoundError):
                await synthesize(SynthesizeRequest(text="Hello.", voice_id=voice_id), BOB, deps)

        await store_training_failure(VoiceModelFailed(**REQUESTED, code="TRAINING_FAILED", message="No."), deps)
        assert await not_ready(CLONE, deps) == {"voice_id": CLONE, "status": "failed", "progress": 0}
        await trained(deps)
        assert await kept(ALICE, deps) == 0


async def test_the_id_of_a_sample_stands_for_its_newest_ready_clone(replica: Replica) -> None:
    async with replica() as deps:
        ready = {"revision": 1, "public": True, "shared_with": (), "usable": True, "job_id": "job_1", "sample_ids": (SAMPLE,)}
        newer = "vm_" + "1" * 26
        for clone_id in (newer, CLONE):
            await store_clone(VoiceModelReady(**FACTS | {"voice_model_id": clone_id}, **ready), deps)
        waiting = "vm_" + "2" * 26
        await store_training(VoiceModelRequested(**REQUESTED | {"voice_model_id": waiting}, sample_ids=(SAMPLE,)), deps)

        request = SynthesizeRequest(text="Hello.", voice_id=SAMPLE)
        assert (await synthesize(request, ALICE, deps)).settings.voice_id == newer
        with pytest.raises(VoiceNotFoundError):
            await synthesize(request, BOB, deps)


async def test_a_built_in_voice_can_be_selected_after_a_clone(replica: Replica) -> None:
    async with replica() as deps:
        await trained(deps)

        async def default() -> str:
            audio = await synthesize(SynthesizeRequest(text="Hello."), ALICE, deps)
            return audio.settings.voice_id

        await deps.clones.select("usr_alice", CLONE, now())
        assert await default() == CLONE
        await deps.clones.select("usr_alice", "tone_high", now())
        assert await default() == "tone_high"
