"""Object storage that fails for one request in five: completed jobs have readable audio."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.values import JobStatus
from echo_common.storage.filesystem import FolderStorage
from echo_common.storage.port import ObjectInfo, StorageUnavailableError
from echo_synthesis.usecases.audio import find_audio
from echo_synthesis.usecases.jobs import queue_job
from tests.support.eventually import eventually
from tests.support.synthesis_replica import Replica, principal_of

ALICE = principal_of("usr_alice")
JOBS = 25


class FlakyStorage(FolderStorage):
    """Object storage that fails before or after an operation, as a network does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._chance = random.Random(7)
        self.failures = 0

    async def put(self, key: str, data: bytes, mime: str) -> ObjectInfo:
        self._maybe_fail()
        info = await super().put(key, data, mime)
        self._maybe_fail()
        return info

    async def put_file(self, key: str, path: Path, mime: str) -> ObjectInfo:
        self._maybe_fail()
        info = await super().put_file(key, path, mime)
        self._maybe_fail()
        return info

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        self._maybe_fail()
        async for block in super().read(key, start, end):
            yield block

    async def delete(self, key: str) -> None:
        self._maybe_fail()
        await super().delete(key)

    def _maybe_fail(self) -> None:
        if self._chance.random() < 0.2:
            self.failures += 1
            raise StorageUnavailableError


async def test_completed_jobs_have_a_readable_object(replica: Replica, tmp_path: Path) -> None:
    flaky, sound = FlakyStorage(tmp_path / "objects"), FolderStorage(tmp_path / "objects")
    async with replica(objects=flaky) as deps:
        jobs = [await queue_job(f"Job {n}.", None, SpeechConfig(), ALICE, deps) for n in range(JOBS)]
        deps.worker.wake()

        async def all_ended() -> bool:
            return all([(await deps.jobs.get(job.id)).status.terminal for job in jobs])

        await eventually(all_ended, within=60)
        for job in [await deps.jobs.get(job.id) for job in jobs]:
            assert job.status is JobStatus.COMPLETED
            audio = await find_audio(str(job.audio_id), ALICE, deps)
            assert (await sound.info(audio.object_key)).checksum == audio.checksum
    assert flaky.failures > JOBS / 5
