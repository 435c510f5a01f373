"""Tests of access to cloned voices and of their cached speech."""

from echo_common.auth.principal import Principal
from echo_common.contracts.events.voice import VoiceModelReady, VoiceModelShared, VoiceModelWithdrawn
from echo_common.contracts.http.synthesis import SynthesizeRequest
from echo_common.ids import new_id
from echo_synthesis import usecases
from echo_synthesis.handlers import Dependencies, learn_of_clone, learn_of_share, withdraw_clone
from tests.support.studio import Replica, somebody

ALICE, BOB = somebody("usr_alice"), somebody("usr_bob")
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
    await learn_of_clone(ready, deps)


async def kept(who: Principal, deps: Dependencies) -> int:
    """Return the cached part of a sentence."""
    audio = await usecases.synthesize(SynthesizeRequest(text="My secret.", voice_id=CLONE), who, deps.studio)
    await deps.studio.cache.settled()
    return audio.cached_units


async def test_cached_speech_of_private_voices_is_separated_by_user(replica: Replica) -> None:
    async with replica() as deps:
        await trained(deps, shared_with=("usr_bob",))
        assert [await kept(ALICE, deps), await kept(ALICE, deps)] == [0, 1]
        assert [await kept(BOB, deps), await kept(BOB, deps)] == [0, 1]


async def entries(deps: Dependencies) -> int:
    return len([key async for key in deps.studio.objects.keys("speech/")])


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
        assert [key async for key in deps.studio.objects.keys("speech/")] == []
        late = FACTS | {"revision": 2, "public": True, "shared_with": (), "usable": True}
        await learn_of_share(VoiceModelShared(**late), deps)
        assert await deps.studio.clones.list("usr_alice") == []
