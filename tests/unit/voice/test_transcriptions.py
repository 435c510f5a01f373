"""Limits of recordings that are transcribed at a time."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from echo_common.errors import ServiceUnavailableError
from echo_common.http.proxy_options import TooManyOpenError
from echo_voice.conversations.transcriptions import Transcriptions


async def test_few_recordings_wait_and_each_user_has_one() -> None:
    transcriptions, held, progress = Transcriptions(1, waiting=1), asyncio.Event(), list[str]()

    async def transcribe(user_id: str) -> None:
        async with transcriptions.place(user_id):
            progress.append(user_id)
            await held.wait()

    running = [asyncio.create_task(transcribe(user_id)) for user_id in ("usr_ada", "usr_eve")]
    await asyncio.sleep(0)
    async with AsyncExitStack() as stack:
        for user_id in ("usr_ada", "usr_eve"):
            with pytest.raises(TooManyOpenError):
                await stack.enter_async_context(transcriptions.place(user_id))
        with pytest.raises(ServiceUnavailableError) as raised:
            await stack.enter_async_context(transcriptions.place("usr_bob"))
        assert raised.value.retry_after
        assert progress == ["usr_ada"]
        held.set()
        await asyncio.gather(*running)
        assert progress == ["usr_ada", "usr_eve"]
        await stack.enter_async_context(transcriptions.place("usr_ada"))


async def test_recording_that_is_cancelled_leaves_its_place() -> None:
    transcriptions = Transcriptions(1, waiting=1)
    async with transcriptions.place("usr_ada"):
        waiting = asyncio.create_task(transcriptions.place("usr_eve").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(10):
        await transcriptions.place("usr_eve").__aenter__()
