"""Faults of engine workers do not affect the service or other requests."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import structlog
import uvloop

from echo_common.contracts.errors.synthesis import (
    EngineCrashedError,
    EngineFailedError,
    EngineTimeoutError,
    EngineUnavailableError,
    TooManyQueuedError,
    VoiceNotFoundError,
)
from echo_synthesis.engine import EngineConfig, EngineSpec, Speech, Utterance
from echo_synthesis.engines import discover
from echo_synthesis.engines.tone import SPEC as TONE
from echo_synthesis.engines.tone.beeper import Beeper
from echo_synthesis.pool.engine_pool import EnginePool, PoolConfig
from echo_synthesis.pool.engine_worker import EngineWorker, WorkerLimits
from echo_synthesis.text.words import find_words

LIMITS = WorkerLimits(speak_seconds=1.0, seconds_a_character=0.0)


def utter(text: str, voice: str = "tone_low") -> Utterance:
    return Utterance(text, tuple(find_words(text, 100)), voice, "en-US")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  (there is no event to wait for)
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[..., EnginePool]]:
    pools: list[EnginePool] = []

    def make(
        workers: int = 1,
        max_queued: int = 100,
        max_queued_of_user: int = 100,
        limits: WorkerLimits = LIMITS,
        spec: EngineSpec = TONE,
    ) -> EnginePool:
        config = PoolConfig(
            tmp_path, workers=workers, max_queued=max_queued, max_queued_of_user=max_queued_of_user, limits=limits
        )
        pools.append(EnginePool({spec.name: spec}, config))
        return pools[-1]

    yield make
    await asyncio.gather(*(pool.close() for pool in pools))


async def test_workers_return_the_output_of_the_engine(make: Callable[..., EnginePool]) -> None:
    here = Beeper().speak(utter("Hello there, world!"))
    there = await make().speak("tone", utter("Hello there, world!"))
    np.testing.assert_array_equal(here.samples, there.samples)
    assert (there.words, there.sample_rate, there.alignment) == (here.words, 16_000, "model")


async def test_output_of_libraries_does_not_corrupt_the_protocol(make: Callable[..., EnginePool]) -> None:
    assert len((await make().speak("tone", utter("tone-print twice tone-print"))).words) == 3


async def test_crashes_fail_only_their_request(make: Callable[..., EnginePool]) -> None:
    pool = make(workers=2)
    texts = ["one", "tone-crash", "two", "three", "tone-crash", "four"]
    results = await asyncio.gather(*(pool.speak("tone", utter(text)) for text in texts), return_exceptions=True)
    assert [type(result) for result in results] == [Speech, EngineCrashedError, Speech, Speech, EngineCrashedError, Speech]
    await until(lambda: pool.health()["tone"].workers_alive == 2)
    assert pool.health()["tone"].restarts == 2


async def test_hanging_workers_are_replaced(make: Callable[..., EnginePool]) -> None:
    pool = make()
    with pytest.raises(EngineTimeoutError):
        await pool.speak("tone", utter("tone-hang"))
    assert (await pool.speak("tone", utter("well"))).words


async def test_engine_errors_keep_the_worker_alive(make: Callable[..., EnginePool]) -> None:
    pool = make()
    with pytest.raises(EngineFailedError) as failed:
        await pool.speak("tone", utter("tone-fail"))
    assert failed.value.code == "ENGINE_FAILED"
    with pytest.raises(VoiceNotFoundError):
        await pool.speak("tone", utter("hello", "nobody"))
    assert (await pool.speak("tone", utter("well"))).words
    assert pool.health()["tone"].restarts == 0


async def test_failed_worker_starts_make_the_engine_unavailable(
    make: Callable[..., EnginePool], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def spawn(worker: EngineWorker) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(EngineWorker, "_spawn", spawn)
    pool = make()
    with pytest.raises(EngineUnavailableError, match="cannot be started") as refused:
        await pool.speak("tone", utter("well"))
    assert refused.value.retry_after
    assert pool.health()["tone"].state == "unavailable"


async def test_unexpected_errors_fail_their_request(make: Callable[..., EnginePool]) -> None:
    def missing(config: EngineConfig) -> Sequence[str]:
        raise RuntimeError("a fault of this engine's own code")

    pool = make(spec=replace(TONE, missing=missing))
    with pytest.raises(EngineFailedError):
        async with asyncio.timeout(30):
            await pool.speak("tone", utter("well"))
    await until(lambda: pool.health()["tone"].workers_busy == 0)


async def test_cancelled_waiting_requests_are_dropped_at_once(make: Callable[..., EnginePool]) -> None:
    pool = make()
    running = asyncio.create_task(pool.speak("tone", utter("tone-slow-300")))
    await until(lambda: pool.health()["tone"].workers_busy)
    waiting = asyncio.create_task(pool.speak("tone", utter("tone-crash")))
    await until(lambda: pool.health()["tone"].queued)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert pool.health()["tone"].queued == 0
    assert (await running).words
    assert pool.health()["tone"].restarts == 0


async def test_cancelled_running_requests_do_not_affect_others(make: Callable[..., EnginePool]) -> None:
    pool = make()
    await pool.start("tone")
    running = asyncio.create_task(pool.speak("tone", utter("tone-slow-200 one two three")))
    await until(lambda: pool.health()["tone"].workers_busy)
    running.cancel()
    assert len((await pool.speak("tone", utter("only two"))).words) == 2
    assert pool.health()["tone"].restarts == 0


async def test_users_are_served_in_turn_after_the_first_request(make: Callable[..., EnginePool]) -> None:
    pool = make()
    order: list[str] = []

    async def speak(text: str, *turn: str) -> None:
        await pool.speak("tone", utter(text), turn=turn)
        order.append(text)

    first = asyncio.create_task(speak("tone-slow-200", "a"))
    await until(lambda: pool.health()["tone"].workers_busy)
    await asyncio.gather(first, *(speak(f"a{n}", "a") for n in range(4)), *(speak(f"b{n}", "b") for n in range(2)))
    assert order == ["tone-slow-200", "b0", "a0", "b1", "a1", "a2", "a3"]


async def test_users_and_the_jobs_of_each_are_served_in_turn(make: Callable[..., EnginePool]) -> None:
    pool = make()
    order: list[str] = []

    async def speak(text: str, user: str, job: str) -> None:
        await pool.speak("tone", utter(text), turn=(user, job))
        order.append(text)

    first = asyncio.create_task(speak("tone-slow-200", "ada", "0"))
    await until(lambda: pool.health()["tone"].workers_busy)
    greedy = [speak(f"ada {job} {number}", "ada", job) for job in ("1", "2") for number in range(2)]
    await asyncio.gather(first, *greedy, *(speak(f"eve {number}", "eve", "3") for number in range(2)))
    assert order[1:] == ["eve 0", "ada 1 0", "eve 1", "ada 2 0", "ada 1 1", "ada 2 1"]


async def test_users_with_many_requests_get_a_share_under_load(make: Callable[..., EnginePool]) -> None:
    pool = make()
    order: list[str] = []

    async def speak(text: str, turn: str) -> None:
        await pool.speak("tone", utter(text), turn=(turn,))
        order.append(text)

    async def keep_coming(who: str) -> None:
        for number in range(10):
            await speak(f"{who}{number}", f"{who}{number}")

    await asyncio.gather(*(speak(f"long{number}", "long") for number in range(4)), *(keep_coming(who) for who in "abc"))
    assert order.index("long3") < 20


async def test_a_full_queue_is_reported(make: Callable[..., EnginePool]) -> None:
    pool = make(max_queued=2)
    tasks = [asyncio.create_task(pool.speak("tone", utter("tone-slow-200"))) for _ in range(3)]
    await until(lambda: pool.health()["tone"].queued == 2)
    with pytest.raises(EngineUnavailableError) as full:
        await pool.speak("tone", utter("one too many"))
    assert full.value.retry_after
    assert len(await asyncio.gather(*tasks)) == 3


async def test_waiting_requests_of_a_user_do_not_displace_others(make: Callable[..., EnginePool]) -> None:
    pool = make(max_queued=4)
    greedy = [asyncio.create_task(pool.speak("tone", utter("tone-slow-100"), turn=("greedy", n))) for n in range(5)]
    await until(lambda: pool.health()["tone"].queued == 4)
    with pytest.raises(EngineUnavailableError):
        await pool.speak("tone", utter("one too many"), turn=("greedy", 5))
    modest = await pool.speak("tone", utter("mine is only this"), turn=("modest", 1))
    assert len(modest.words) == 4
    assert len(await asyncio.gather(*greedy)) == 5


async def test_waiting_requests_are_limited_per_user(make: Callable[..., EnginePool]) -> None:
    pool = make(max_queued_of_user=2)
    tasks = [asyncio.create_task(pool.speak("tone", utter("tone-slow-100"), turn=("greedy", n))) for n in range(3)]
    await until(lambda: pool.health()["tone"].queued == 2)
    with pytest.raises(TooManyQueuedError) as refused:
        await pool.speak("tone", utter("one too many"), turn=("greedy", 3))
    assert (refused.value.status, refused.value.retry_after) == (429, 5)
    assert len(await asyncio.gather(*tasks)) == 3


async def test_engines_name_missing_requirements(make: Callable[..., EnginePool]) -> None:
    lacking = EngineSpec("tone", "1", "", 100, 16_000, lambda _: (), lambda _: ("its voices",), TONE.load)
    pool = make(spec=lacking)
    await pool.start("tone")
    assert pool.health()["tone"].state == "unavailable"
    for _ in range(2):
        with pytest.raises(EngineUnavailableError, match="lacks its voices"):
            await pool.speak("tone", utter("hello"))
    with pytest.raises(EngineUnavailableError, match="no speech engine"):
        await pool.speak("nothing", utter("hello"))


async def test_closing_ends_every_process_and_every_request(make: Callable[..., EnginePool]) -> None:
    pool = make(workers=2)
    await pool.start("tone")
    pids = children()
    assert len(pids) == 2
    tasks = [asyncio.create_task(pool.speak("tone", utter("tone-hang"))) for _ in range(4)]
    await until(lambda: pool.health()["tone"].workers_busy == 2)
    async with asyncio.timeout(5):
        await pool.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {EngineUnavailableError}
    assert not any(map(alive, pids))


async def test_cancelled_starts_leave_no_process(tmp_path: Path) -> None:
    pool = EnginePool({"one": TONE, "other": TONE}, PoolConfig(tmp_path, workers=2))
    loading = asyncio.create_task(pool.start("one", "other"))
    await until(children)
    loading.cancel()
    await asyncio.gather(loading, return_exceptions=True)
    await pool.close()
    assert not children()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_killing_an_idle_worker_fails_no_request(run: Callable[[Coroutine[Any, Any, None]], None], tmp_path: Path) -> None:
    async def story() -> None:
        pool = EnginePool({TONE.name: TONE}, PoolConfig(tmp_path, workers=1, limits=LIMITS))
        await pool.start("tone")
        [pid] = children()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not pool.health()["tone"].workers_alive)
        assert (await pool.speak("tone", utter("hello"))).words
        assert (await pool.speak("tone", utter("again"))).words
        assert pid not in children()
        await pool.close()
        assert not children()

    run(story())


async def test_killed_busy_workers_are_replaced(make: Callable[..., EnginePool]) -> None:
    pool = make()
    await pool.start("tone")
    speaking = asyncio.create_task(pool.speak("tone", utter("tone-hang")))
    await until(lambda: pool.health()["tone"].workers_busy)
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineCrashedError):
        await speaking
    assert (await pool.speak("tone", utter("hello"))).words


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_hanging_workers_end_with_the_service(tmp_path: Path) -> None:
    script = tmp_path / "service.py"
    script.write_text(
        textwrap.dedent("""
        import asyncio, sys
        from pathlib import Path
        from echo_synthesis.engine import Span, Utterance
        from echo_synthesis.pool.engine_pool import EnginePool, PoolConfig
        from echo_synthesis.engines import discover
        async def main():
            pool = EnginePool(discover(), PoolConfig(Path("."), workers=1))
            await pool.start("tone")
            for pid in Path("/proc/self/task").glob("*/children"):
                print(pid.read_text(), flush=True)
            await pool.speak("tone", Utterance("tone-hang", (Span(0, 9),), "tone_low", "en-US"))
        asyncio.run(main())
        """)
    )
    service = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    assert service.stdout is not None
    pid = int(service.stdout.readline())
    assert alive(pid)
    service.kill()
    service.wait()
    service.stdout.close()
    await until(lambda: not alive(pid))


def test_every_engine_folder_is_found() -> None:
    assert "tone" in discover()


def children() -> list[int]:
    """Return the engine workers, without servers that other suites share."""
    return [child.pid for child in psutil.Process().children() if speaks(child)]


def speaks(process: psutil.Process) -> bool:
    try:
        return "echo_synthesis.engines" in process.cmdline()
    except psutil.Error:
        return False


async def test_engine_warnings_at_load_are_logged(
    make: Callable[..., EnginePool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"backend": "openvino-bf16", "reason": "it is silent"}
    rejected = {"event": "backend_rejected", "fields": fields}
    stub = tmp_path / "python"
    stub.write_text(
        textwrap.dedent(f"""\
        #!{sys.executable}
        import sys
        from echo_synthesis.engines.wire import pack
        sys.stdout.buffer.write(pack({{"ready": True, "warnings": [{rejected!r}]}}))
        sys.stdout.buffer.flush()
        sys.stdin.read()
        """)
    )
    stub.chmod(0o700)
    monkeypatch.setattr("echo_synthesis.pool.engine_worker.sys.executable", str(stub))
    with structlog.testing.capture_logs() as logs:
        await make().start("tone")
    assert {"log_level": "warning", "engine": "tone", "event": "backend_rejected", **fields} in logs
