"""A gateway that dies in the middle of an erasure, by SIGKILL: the next one finishes it."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from echo_common.clock import now
from echo_common.contracts.events.auth import UserDeleted
from echo_gateway.handlers import erase_user
from tests.integration.gateway.conftest import Start, start, synthesis, voice
from tests.integration.gateway.test_idempotency import counting, create
from tests.support.database import Database
from tests.support.selection import select_params
from tests.support.service_process import run_until_dead
from tests.support.upstream import Upstream

__all__ = ["counting", "start", "synthesis", "voice"]


@pytest.mark.parametrize("point", select_params("erasure.after_erase", among=["erasure.before_erase", "erasure.after_erase"]))
async def test_an_erasure_in_the_gateway_resumes_after_a_death(
    start: Start,
    counting: Upstream,
    database: Database,
    tmp_path: Path,
    point: str,
) -> None:
    async with start() as gateway:
        for user_id in ("usr_ada", "usr_eve"):
            await create(gateway, sub=user_id)
        gateway.deps.erasure._wake.set = lambda: None  # type: ignore[method-assign]  # the process that dies finds the user
        await erase_user(UserDeleted(user_id="usr_ada"), gateway.deps)
    await asyncio.to_thread(run_until_dead, database, tmp_path, point, service="gateway")

    async with start() as gateway:
        await gateway.deps.erasure.erase_due(now() + timedelta(minutes=1))
        assert (await gateway.deps.erasure._users.get("usr_ada")).erased_at is not None
        assert "Idempotency-Replayed" in (await create(gateway, sub="usr_eve"))[2]
        assert "Idempotency-Replayed" not in (await create(gateway, sub="usr_ada"))[2]
