"""A hundred harmful or invalid files are refused without a crash."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import islice

import psutil
import pytest

from tests.integration.voice.conftest import Start, VoiceClient
from tests.support.invalid_recordings import bad_files
from tests.support.person import data, refusal

_AT_THE_DOOR = {(415, "UNSUPPORTED_MEDIA"), (413, "FILE_TOO_LARGE")}
_MOST_BYTES = 1_200_000_000


@pytest.mark.timeout(400)
@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.full)])
async def test_a_hundred_bad_files_are_refused_with_a_reason_and_good_files_are_accepted(
    step: int, start: Start, speech: bytes
) -> None:
    async with start(samples_at_once=2, uploads_a_day=0, decode_seconds=20) as ada, watching_memory() as peaks:
        waiting, count = {}, 0
        for name, content in islice(bad_files(), 0, None, step):
            count += 1
            answer = await ada.upload(content, name=name)
            if answer.is_success:
                waiting[name] = data(answer)["sample_id"]
            else:
                assert refusal(answer) in _AT_THE_DOOR, name
        assert count == 100 // step

        for name, sample_id in waiting.items():
            await _rejected(ada, name, sample_id)

        assert 0 < max(peaks) < _MOST_BYTES
        assert (await ada.sample(speech))["status"] == "ready"


async def _rejected(ada: VoiceClient, name: str, sample_id: str) -> None:
    sample = await ada.processed(sample_id)
    assert sample["status"] == "rejected", (name, sample)
    assert sample["error_code"] in {"SAMPLE_UNREADABLE", "SAMPLE_UNUSABLE"}, (name, sample)
    assert len(sample["error_message"]) > 20, name


@asynccontextmanager
async def watching_memory() -> AsyncIterator[list[int]]:
    """Record the memory of each decoding process in bytes."""
    seen: list[int] = []

    async def watch() -> None:
        while True:
            for child in psutil.Process().children():
                with suppress(psutil.Error):
                    if "echo_voice.analysis" in " ".join(child.cmdline()):
                        seen.append(child.memory_info().rss)
            await asyncio.sleep(0.05)

    watcher = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        watcher.cancel()
