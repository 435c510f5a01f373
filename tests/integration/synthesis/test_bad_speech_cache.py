"""Bad speech is cached for a limited time, and its takes count."""

import asyncio
from pathlib import Path

from echo_common.clock import now
from echo_common.storage.filesystem import FolderStorage
from echo_common.storage.port import ObjectInfo
from echo_synthesis.cache.cache_entry import encode_entry
from echo_synthesis.engine import Speech
from tests.support.speech_caches import Desk, Desks, anything, bad, speech


class PausedStorage(FolderStorage):
    """Storage that waits before it stores an object."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.waiting = asyncio.Event()
        self.resumed = asyncio.Event()

    async def put(self, key: str, data: bytes, mime: str) -> ObjectInfo:
        self.waiting.set()
        await self.resumed.wait()
        return await super().put(key, data, mime)


async def say(desk: Desk, made: Speech, key: str = "ab") -> tuple[Speech, bool, list[Speech | None]]:
    """Return the speech, whether it was cached, and what the synthesis was given, if it was needed."""
    given: list[Speech | None] = []

    async def make(earlier: Speech | None) -> Speech:
        given.append(earlier)
        return made

    found, kept = await desk.cache.get_or_create(key, "tone_low", make, anything)
    await desk.cache.wait_for_writes()
    return found, kept, given


async def test_bad_speech_with_enough_takes_is_served_with_its_quality(desks: Desks) -> None:
    await say(await desks.open(), bad(3))
    found, kept, given = await say(await desks.open(), speech())
    assert (found.quality, kept, given) == (bad(3).quality, True, [])


async def test_bad_speech_expires(desks: Desks) -> None:
    desk = await desks.open()
    await say(desk, bad(3))
    entries = (await desks.store()).collection("speech_cache")
    [expires] = [entry["expires_at"] async for entry in entries.find({})]
    assert expires > now()
    assert await entries.update_one({}, {"$set": {"expires_at": now()}})
    _, kept, given = await say(desk, bad(1))
    assert (kept, given) == (False, [None])
    [entry] = [entry async for entry in entries.find({})]
    assert (entry["takes"], entry["expires_at"] > now()) == (1, True)


async def test_bad_speech_is_spoken_again_after_a_change_of_the_bounds(desks: Desks) -> None:
    await say(await desks.open(), bad(3))
    other = await desks.open(bounds="2")
    assert (await say(other, bad(1)))[1:] == (False, [None])
    assert (await say(other, bad(3)))[1] is False


async def test_speech_with_further_takes_left_is_continued(desks: Desks) -> None:
    desk = await desks.open()
    await desk.cache.save_bad("ab", "tone_low", bad(1))
    _, kept, [earlier] = await say(desk, bad(2))
    assert not kept
    assert earlier is not None
    assert earlier.quality == bad(1).quality
    _, kept, [earlier] = await say(await desks.open(), speech())
    assert not kept
    assert earlier is not None
    assert earlier.quality == bad(2).quality
    good, kept, given = await say(await desks.open(), bad(1))
    assert (good.quality, kept, given) == (None, True, [])


async def test_bad_speech_never_replaces_good_speech(desks: Desks) -> None:
    desk, other = await desks.open(), await desks.open()
    await say(desk, speech())
    await other.cache.save_bad("ab", "tone_low", bad(3))
    found, kept, given = await say(await desks.open(), bad(3))
    assert (found.quality, kept, given) == (None, True, [])


async def test_a_late_write_of_fewer_takes_does_not_replace_more(desks: Desks) -> None:
    desk, late = await desks.open(), await desks.open()
    await desk.cache.save_bad("ab", "tone_low", bad(2))
    await late.cache.save_bad("ab", "tone_low", bad(1))
    _, _, [earlier] = await say(await desks.open(), bad(3))
    assert earlier is not None
    assert earlier.quality == bad(2).quality


async def test_bad_speech_in_an_entry_of_good_speech_is_not_served(desks: Desks) -> None:
    desk = await desks.open()
    await say(desk, speech())
    [key] = await desks.objects_kept()
    await desks.objects.put(key, encode_entry(bad(3)), "application/octet-stream")
    assert (await say(desk, speech()))[1:] == (False, [None])


async def test_good_speech_that_is_being_written_survives_a_reader_in_another_replica(desks: Desks) -> None:
    async def make(earlier: Speech | None) -> Speech:
        given.append(earlier)
        return bad(1)

    given: list[Speech | None] = []
    storage = PausedStorage(desks.folder)
    writer, reader = await desks.open(objects=storage), await desks.open()
    await reader.cache.save_bad("ab", "tone_low", bad(1))
    writing = asyncio.create_task(say(writer, speech()))
    await storage.waiting.wait()
    await reader.cache.get_or_create("ab", "tone_low", make, anything, keep=lambda _: False)
    storage.resumed.set()
    await writing
    assert given == [None]
    found, kept, given_later = await say(await desks.open(), bad(3))
    assert (found.quality, kept, given_later) == (None, True, [])


async def test_the_takes_of_an_entry_are_one_entry_in_the_size(desks: Desks) -> None:
    desk = await desks.open()
    for takes in (1, 2):
        await desk.cache.save_bad("ab", "tone_low", bad(takes))
    await say(desk, bad(3))
    assert desk.cache.size_bytes == (await desks.open()).cache.size_bytes > 0


async def test_takes_are_not_stored_without_cache_space(desks: Desks) -> None:
    desk = await desks.open(capacity=0)
    await desk.cache.save_bad("ab", "tone_low", bad(1))
    assert await desks.objects_kept() == []


async def test_takes_of_a_removed_voice_are_not_cached(desks: Desks) -> None:
    async def in_use() -> bool:
        return False

    desk = await desks.open()
    await desk.cache.save_bad("ab", "tone_low", bad(1), in_use)
    assert await desks.objects_kept() == []
