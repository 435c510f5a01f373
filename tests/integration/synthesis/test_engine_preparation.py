"""Engine workers prepare while no request waits."""

import asyncio
from collections.abc import Callable

import pytest

from echo_common.contracts.errors.synthesis import EngineCrashedError
from echo_synthesis.pool import engine_pool
from echo_synthesis.pool.engine_pool import EnginePool
from echo_synthesis.pool.engine_worker import EngineWorker
from tests.integration.synthesis.test_engine_pool import make, until, utter

__all__ = ["make"]


async def test_idle_workers_prepare_and_prepare_again_after_a_crash(make: Callable[..., EnginePool]) -> None:
    pool = make(workers=2)
    await pool.start("tone")
    await until(lambda: pool.health()["tone"].workers_prepared == 2)
    with pytest.raises(EngineCrashedError):
        await pool.speak("tone", utter("tone-crash"))
    await until(lambda: pool.health()["tone"].restarts == 1)
    await until(lambda: pool.health()["tone"].workers_prepared == 2)
    assert (await pool.speak("tone", utter("well"))).words


@pytest.fixture
def crashing_preparation(monkeypatch: pytest.MonkeyPatch) -> list[EngineWorker]:
    """Replace preparations by ones that end their process; the list collects the workers."""
    crashed: list[EngineWorker] = []
    prepare = EngineWorker.prepare

    async def crash(self: EngineWorker) -> None:
        assert self._process is not None
        self._process.kill()
        crashed.append(self)
        await prepare(self)

    monkeypatch.setattr(EngineWorker, "prepare", crash)
    monkeypatch.setattr(engine_pool, "_QUIET_SECONDS", 0.0)
    return crashed


async def test_a_worker_that_ends_while_it_prepares_is_replaced_but_not_for_ever(
    make: Callable[..., EnginePool], crashing_preparation: list[EngineWorker]
) -> None:
    pool = make()
    await pool.start("tone")
    await until(lambda: pool.health()["tone"].restarts == 3 and pool.health()["tone"].state == "ready")
    assert (await pool.speak("tone", utter("well"))).words
    await asyncio.sleep(0.1)
    health = pool.health()["tone"]
    assert (len(crashing_preparation), health.restarts, health.workers_alive) == (3, 3, 1)
