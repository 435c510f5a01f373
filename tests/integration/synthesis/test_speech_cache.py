"""Cached segments stay within the size limit and are not disclosed to other users."""

import asyncio
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from echo_common.clock import now
from echo_synthesis.cache.cache_entry import encode_entry
from echo_synthesis.cache.speech_cache import SpeechCache
from echo_synthesis.engine import Span, Speech, Utterance, WordTime
from echo_synthesis.engines.tone import SPEC
from echo_synthesis.engines.tone.beeper import Beeper
from echo_synthesis.speech_check import check_speech
from tests.support.eventually import eventually
from tests.support.speech_caches import SAMPLES, Desk, Desks, anything, speech


async def test_cached_segments_survive_a_restart(desks: Desks) -> None:
    first = await desks.open()
    assert [await first.say("One."), await first.say("One.")] == [False, True]
    second = await desks.open()
    assert await second.say("One.")
    assert second.spoken == []


async def test_cached_segments_have_identical_samples(desks: Desks) -> None:
    desk = await desks.open()
    noise = np.random.default_rng(7).uniform(-1, 1, SAMPLES).astype(np.float32)

    async def make(_: Speech | None) -> Speech:
        return replace(speech(), samples=noise, cost={"characters": 4})

    first, _ = await desk.cache.get_or_create("ab", "tone_low", make, anything)
    await desk.cache.wait_for_writes()
    again, kept = await desk.cache.get_or_create("ab", "tone_low", make, anything)
    assert kept
    assert np.array_equal(first.samples, again.samples)
    assert np.abs(first.samples - noise).max() < 1 / 32_000
    assert (first.cost, again.cost) == ({"characters": 4}, {})


async def test_fifty_concurrent_requests_share_a_synthesis(desks: Desks) -> None:
    desk = await desks.open()
    kept = await asyncio.gather(*(desk.say("All together.") for _ in range(50)))
    assert (desk.spoken, sorted(kept)) == (["All together."], [False] + [True] * 49)


async def test_concurrent_requests_share_a_synthesis_without_cache_space(desks: Desks) -> None:
    desk = await desks.open(capacity=0)
    assert sorted(await asyncio.gather(*(desk.say("All together.") for _ in range(5)))) == [False] + [True] * 4
    assert not await desk.say("All together.")
    assert await desks.objects_kept() == []


async def test_the_least_recently_used_entry_is_evicted_first(desks: Desks) -> None:
    entry = 2 * SAMPLES + 100
    desk = await desks.open(capacity=5 * entry)
    for text in ("One.", "Two.", "Three.", "Four."):
        await desk.say(text)
    assert await desk.say("One.")
    await desk.say("Five.")
    await desk.say("Six.")
    assert len(await desks.objects_kept()) <= 5
    assert await desk.say("One.")
    assert not await desk.say("Two.")


@pytest.mark.parametrize("replicas", [1, 2])
async def test_the_size_limit_holds_across_restarts_and_replicas(desks: Desks, replicas: int) -> None:
    entry = 2 * SAMPLES + 100
    for number in range(12):
        desk = [await desks.open(capacity=4 * entry) for _ in range(replicas)][-1]
        await desk.say(f"Number {number}.")
    assert 3 <= len(await desks.objects_kept()) <= 4


@pytest.mark.parametrize("settle", [True, False])
async def test_hits_of_other_users_are_not_reported(desks: Desks, settle: bool) -> None:
    desk = await desks.open()

    async def say(user_id: str) -> bool:
        return await desk.say("One.", user_id=user_id, settle=settle)

    assert [await say("ada"), await say("ada")] == [False, True]
    assert [await say("eve"), await say("eve"), await say("ada")] == [False, True, True]
    assert desk.spoken == ["One."]
    await desk.cache.wait_for_writes()
    other = await desks.open()
    assert [await other.say("One.", user_id=name) for name in ("eve", "bob", "bob", "ada")] == [True, False, True, True]
    assert other.spoken == []


async def test_users_served_just_before_a_shutdown_are_stored(desks: Desks) -> None:
    async with SpeechCache.open(await desks.store(), desks.objects, 1_000_000) as cache:
        desk = Desk(cache)
        assert not await desk.say("One.", user_id="ada", settle=False)
        assert not await desk.say("One.", user_id="eve", settle=False)
    assert await (await desks.open()).say("One.", user_id="eve")


async def test_users_of_a_shared_synthesis_see_only_their_own_hits(desks: Desks) -> None:
    desk = await desks.open()
    kept = await asyncio.gather(*(desk.say("One.", user_id=name) for name in ("ada", "eve", "eve", "bob", "ada")))
    assert (desk.spoken, kept) == (["One."], [False, False, True, False, True])


async def test_cancelled_requests_do_not_count_as_hits(desks: Desks) -> None:
    desk = await desks.open()
    given_up = asyncio.create_task(desk.say("One.", user_id="eve", settle=False))
    await asyncio.sleep(0)
    others = asyncio.create_task(desk.say("One.", user_id="ada"))
    await asyncio.sleep(0)
    given_up.cancel()
    assert not await others
    assert not await desk.say("One.", user_id="eve")


async def test_the_users_of_an_entry_are_limited(desks: Desks) -> None:
    desk = await desks.open()
    for number in range(70):
        await desk.say("One.", user_id=f"usr_{number}", settle=False)
    await desk.cache.wait_for_writes()
    known = [await desk.say("One.", user_id=f"usr_{number}", settle=False) for number in (0, 63, 69)]
    assert known == [True, True, True]
    await desk.cache.wait_for_writes()
    assert not await desk.say("One.", user_id="usr_70")
    assert not await desk.say("One.", user_id="usr_70")


async def test_private_voices_are_cached_per_user(desks: Desks) -> None:
    desk = await desks.open()
    assert not await desk.say("Secret.", scope="usr_alice")
    assert await desk.say("Secret.", scope="usr_alice")
    assert not await desk.say("Secret.", scope="usr_mallory")
    assert not await desk.say("Secret.")


async def test_removed_voices_are_removed_from_the_cache(desks: Desks) -> None:
    desk = await desks.open()
    for text in ("One.", "Two."):
        await desk.say(text, voice="tone_high")
    await desk.say("Three.")
    assert await desk.cache.purge("tone_high") == 2
    assert len(await desks.objects_kept()) == 1
    assert not await desk.say("One.", voice="tone_high")


async def test_segments_in_progress_of_a_removed_voice_are_not_cached(desks: Desks) -> None:
    desk = await desks.open()

    async def make(_: Speech | None) -> Speech:
        await desk.cache.purge("tone_high")
        return speech()

    async def in_use() -> bool:
        return False

    await desk.cache.get_or_create("ab", "tone_high", make, anything, in_use)
    await desk.cache.wait_for_writes()
    assert await desks.objects_kept() == []
    _, kept = await desk.cache.get_or_create("ab", "tone_high", make, anything, in_use)
    assert not kept


async def test_entries_without_an_object_are_synthesised_again(desks: Desks) -> None:
    desk = await desks.open()
    await desk.say("One.")
    for key in await desks.objects_kept():
        await desks.objects.delete(key)
    assert [await desk.say("One."), await desk.say("One.")] == [False, True]


async def test_peaks_beyond_full_scale_survive_the_cache(desks: Desks) -> None:
    desk = await desks.open()
    loud = (1.5 * np.sin(np.arange(SAMPLES) / 7)).astype(np.float32)

    async def make(_: Speech | None) -> Speech:
        return replace(speech(), samples=loud)

    first, _ = await desk.cache.get_or_create("ab", "tone_low", make, anything)
    assert np.abs(first.samples - loud).max() < 1.5 / 32_000


async def test_entries_of_other_formats_are_removed_and_not_served(desks: Desks) -> None:
    desk = await desks.open()
    await desk.say("One.")
    [key] = await desks.objects_kept()
    entries = (await desks.store()).collection("speech_cache")
    # as an earlier version wrote it, under whatever key
    await desks.objects.put("speech/old", b"{}", "application/octet-stream")
    old = {"object_key": "speech/old", "size": 2, "voice": "tone_low", "hits": 3, "last_hit": now()}
    await entries.insert({"_id": "old", **old})
    await desks.open()

    async def only_new() -> bool:
        return await desks.objects_kept() == [key] and await entries.count({}) == 1

    await eventually(only_new)


class TestADamagedEntry:
    """Cache entries whose object is damaged or invalid."""

    UTTERANCE = Utterance("Hello there.", (Span(0, 5), Span(6, 11)), "tone_low", "en-US")

    async def say(self, desk: Desk) -> tuple[Speech, bool]:
        async def make(_: Speech | None) -> Speech:
            desk.spoken.append("Hello")
            return Beeper().speak(self.UTTERANCE)

        found = await desk.cache.get_or_create(
            desk.cache.key(SPEC, self.UTTERANCE), "tone_low", make, partial(check_speech, SPEC, self.UTTERANCE)
        )
        await desk.cache.wait_for_writes()
        return found

    @pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "silent", "late"])
    async def test_damaged_entries_are_synthesised_again_and_replaced(self, desks: Desks, damage: str) -> None:
        desk = await desks.open()
        before, _ = await self.say(desk)
        [key] = await desks.objects_kept()
        blob = b"".join([block async for block in desks.objects.read(key)])
        damaged = {
            "cut": blob[:-100],
            "flipped": blob[:-50] + bytes([blob[-50] ^ 1]) + blob[-49:],
            "empty": b"",
            "silent": encode_entry(replace(before, samples=np.zeros_like(before.samples))),
            "late": encode_entry(replace(before, words=(WordTime(0, 1), WordTime(1, 9)))),
        }[damage]
        await desks.objects.put(key, damaged, "application/octet-stream")

        again, kept = await self.say(desk)

        assert not kept
        assert np.array_equal(before.samples, again.samples)
        assert len(desk.spoken) == 2
        assert (await self.say(desk))[1]
