"""Slots for expensive work in requests, shared fairly between users."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from echo_common.errors import ServiceUnavailableError
from echo_common.http.proxy_options import TooManyOpenError
from echo_common.http.user_slots import UserSlots


async def test_few_users_wait_and_each_has_one_slot() -> None:
    slots, released, progress = UserSlots("recording", 1, waiting_users=1), asyncio.Event(), list[str]()

    async def work(user_id: str) -> None:
        async with slots.held(user_id):
            progress.append(user_id)
            await released.wait()

    running = [asyncio.create_task(work(user_id)) for user_id in ("usr_ada", "usr_eve")]
    await asyncio.sleep(0)
    async with AsyncExitStack() as stack:
        for user_id in ("usr_ada", "usr_eve"):
            with pytest.raises(TooManyOpenError):
                await stack.enter_async_context(slots.held(user_id))
        with pytest.raises(ServiceUnavailableError) as raised:
            await stack.enter_async_context(slots.held("usr_bob"))
        assert raised.value.retry_after
        assert progress == ["usr_ada"]
        released.set()
        await asyncio.gather(*running)
        assert progress == ["usr_ada", "usr_eve"]
        await stack.enter_async_context(slots.held("usr_ada"))


async def test_further_requests_of_a_user_wait_behind_those_of_others() -> None:
    slots, released, progress = UserSlots("recording", 2, waiting_each=2), asyncio.Event(), list[str]()

    async def work(user_id: str) -> None:
        async with slots.held(user_id):
            progress.append(user_id)
            await released.wait()

    running = [asyncio.create_task(work(user_id)) for user_id in ("usr_ada", "usr_ada", "usr_ada", "usr_eve")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert progress == ["usr_ada", "usr_eve"]
    with pytest.raises(TooManyOpenError):
        await slots.held("usr_ada").__aenter__()
    released.set()
    await asyncio.gather(*running)
    assert progress == ["usr_ada", "usr_eve", "usr_ada", "usr_ada"]


async def test_a_cancelled_request_leaves_its_slot() -> None:
    slots = UserSlots("recording", 1, waiting_users=1)
    async with slots.held("usr_ada"):
        waiting = asyncio.create_task(slots.held("usr_eve").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(10):
        await slots.held("usr_eve").__aenter__()
