"""A process that dies in the middle of an erasure, by SIGKILL: the next one finishes it."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from echo_common.clock import now
from echo_common.contracts.events.auth import UserDeleted
from echo_synthesis.handlers import erase_user
from tests.integration.synthesis.test_jobs import ALICE
from tests.integration.synthesis.test_user_data import erased, fill, remains
from tests.support.database import Database
from tests.support.service_process import run_until_dead
from tests.support.synthesis_replica import Replica

ERASURE_POINTS = ["erasure.before_erase", "erasure.mid_erase", "erasure.mid_erase:3", "erasure.after_erase"]


@pytest.mark.parametrize("point", ERASURE_POINTS)
async def test_an_erasure_resumes_after_a_death(replica: Replica, database: Database, tmp_path: Path, point: str) -> None:
    async with replica() as deps:
        await fill(deps)
        await deps.erasure._users.prepare()
    async with replica() as deps:
        deps.erasure._wake.set = lambda: None  # type: ignore[method-assign]  # the process that dies finds the user
        await erase_user(UserDeleted(user_id=ALICE.user_id), deps)
    await asyncio.to_thread(run_until_dead, database, tmp_path, point)

    async with replica() as deps:
        await deps.erasure.erase_due(now() + timedelta(minutes=1))
        await erased(deps)
        assert await remains(database, ALICE.user_id, "Alice") == []
