"""Tests of tasks in the background."""

import asyncio

from structlog.testing import capture_logs

from echo_common.background_tasks import BackgroundTasks, running_in_background


class Work:
    """Work that ends when it may, and records its end."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.outcome = "running"

    async def run(self) -> str:
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.outcome = "cancelled"
            raise
        self.outcome = "ended"
        return self.outcome


async def fail() -> None:
    raise ValueError("no")


async def test_the_result_of_a_task_is_available() -> None:
    tasks, work = BackgroundTasks(), Work()
    task = tasks.start(work.run())
    assert list(tasks.running) == [task]
    work.may_end.set()
    assert await task == "ended"


async def test_close_cancels_tasks_and_waits_for_their_ends() -> None:
    tasks, works = BackgroundTasks(), [Work(), Work()]
    for work in works:
        tasks.start(work.run())
    await asyncio.sleep(0)
    await tasks.close()
    assert [work.outcome for work in works] == ["cancelled"] * 2
    assert not tasks.running


async def test_finish_waits_for_tasks_that_tasks_start() -> None:
    tasks, later = BackgroundTasks(), Work()

    async def start_another() -> None:
        tasks.start(later.run())
        later.may_end.set()

    tasks.start(start_another())
    await tasks.finish()
    assert later.outcome == "ended"


async def test_finish_ends_no_task_after_its_timeout() -> None:
    tasks, work = BackgroundTasks(), Work()
    tasks.start(work.run())
    await tasks.finish(0.01)
    assert work.outcome == "running"
    await tasks.close()


async def test_errors_are_logged_and_other_tasks_continue() -> None:
    tasks, work = BackgroundTasks(), Work()
    with capture_logs() as logs:
        tasks.start(work.run())
        failed = tasks.start(fail())
        await asyncio.wait({failed})
        await asyncio.sleep(0)
    (entry,) = logs
    assert (entry["event"], entry["work"], repr(entry["exc_info"])) == ("background_task_failed", "fail", "ValueError('no')")
    work.may_end.set()
    await tasks.finish()
    assert work.outcome == "ended"


async def test_work_runs_while_the_context_lasts() -> None:
    work = Work()
    async with running_in_background(work.run()):
        await asyncio.sleep(0)
        assert work.outcome == "running"
    assert work.outcome == "cancelled"


async def test_errors_of_the_work_do_not_end_the_context() -> None:
    with capture_logs() as logs:
        async with running_in_background(fail()):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    assert [entry["event"] for entry in logs] == ["background_task_failed"]
