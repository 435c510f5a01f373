"""A process that dies in the middle of an erasure, by SIGKILL: the next one finishes it."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from echo_common.clock import now
from echo_common.contracts.events.auth import UserDeleted
from echo_synthesis.handlers import erase_user
from echo_voice.handlers import erase_user as erase_user_of_voice
from tests.integration.synthesis.test_jobs import ALICE
from tests.integration.synthesis.test_user_data import erased, fill, nothing_remains
from tests.integration.voice.conftest import Start
from tests.integration.voice.test_user_data import nothing_remains as nothing_of_voice_remains
from tests.integration.voice.test_user_data import owning
from tests.integration.voice.test_user_data import remains as voice_remains
from tests.support.database import Database
from tests.support.selection import select_params
from tests.support.service_process import run_until_dead
from tests.support.synthesis_replica import Replica

ERASURE_POINTS = ["erasure.before_erase", "erasure.mid_erase", "erasure.mid_erase:3", "erasure.after_erase"]


@pytest.mark.parametrize("point", select_params("erasure.mid_erase", among=ERASURE_POINTS))
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
        await nothing_remains(database, ALICE.user_id, "Alice")


@pytest.mark.parametrize(
    "point",
    # the same code as in synthesis
    select_params(
        "erasure.mid_erase:4", among=[f"erasure.{name}" for name in ("mid_erase:4", "before_erase", "mid_erase", "after_erase")]
    ),
)
async def test_an_erasure_in_voice_resumes_after_a_death(
    start: Start, speech: bytes, database: Database, tmp_path: Path, point: str
) -> None:
    async with start() as ada:
        mine = await owning(ada, speech, "usr_ada")
        assert len({name for name, _ in await voice_remains(database, "usr_ada")}) >= 5
    async with start() as ada:
        ada.deps.erasure._wake.set = lambda: None  # type: ignore[method-assign]  # the process that dies finds the user
        await erase_user_of_voice(UserDeleted(user_id="usr_ada"), ada.deps)
    await asyncio.to_thread(run_until_dead, database, tmp_path, point, service="voice")

    async with start() as ada:
        await ada.deps.erasure.erase_due(now() + timedelta(minutes=1))
        found = await ada.deps.erasure._users.get("usr_ada")
        assert found.erased_at is not None
        await nothing_of_voice_remains(database, "usr_ada")
        assert await ada.deps.vectors.get(ada.deps.voice_space, mine) is None
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file() and mine in str(path)] == []
