"""Tests of tasks in the background."""

import asyncio
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from echo_common.background_tasks import BackgroundTasks, continue_after_errors, running_in_background
from echo_common.error_reports import ErrorReports, reporting_to
from echo_common.errors import ConflictError, InternalError, ServiceUnavailableError
from echo_common.http.client import RemoteError
from tests.support.error_log import sources


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


@pytest.fixture
def reports() -> Iterator[ErrorReports]:
    found = ErrorReports("synthesis")
    with reporting_to(found):
        yield found


async def test_an_error_that_ends_a_task_is_reported_once(reports: ErrorReports) -> None:
    with capture_logs():
        await asyncio.wait({BackgroundTasks().start(fail())})
        await asyncio.sleep(0)
    assert sources(reports.collect()) == [("ValueError", "background", "fail", 1)]


async def test_an_error_is_reported_by_the_service_that_owns_the_tasks(reports: ErrorReports) -> None:
    tasks, other = BackgroundTasks(), ErrorReports("voice")
    with capture_logs(), reporting_to(other):  # in one process, a publisher may start the work of a consumer
        await asyncio.wait({tasks.start(fail())})
        await asyncio.sleep(0)
    assert len(reports.collect()) == 1
    assert other.collect() == []


async def test_the_error_of_an_awaited_task_is_left_to_its_caller(reports: ErrorReports) -> None:
    with capture_logs() as logs, pytest.raises(ValueError, match="no"):
        await BackgroundTasks().start(fail(), awaited=True)
    assert (logs, reports.collect()) == ([], [])


async def test_an_outage_that_ends_a_task_is_not_reported(reports: ErrorReports) -> None:
    async def lose_the_database() -> None:
        raise ServiceUnavailableError

    with capture_logs() as logs:
        await asyncio.wait({BackgroundTasks().start(lose_the_database())})
        await asyncio.sleep(0)
    assert [entry["event"] for entry in logs] == ["background_task_failed"]
    assert reports.collect() == []


ROUNDS = [
    (ValueError("no"), "retention_failed", "ValueError"),
    (InternalError(), "retention_failed", "InternalError"),
    (ServiceUnavailableError(), "retention_interrupted", None),
    (ConflictError(), "retention_interrupted", None),
    (RemoteError(500, "INTERNAL_ERROR", "It failed."), "retention_interrupted", None),
]


@pytest.mark.parametrize(("error", "logged", "reported"), ROUNDS)
async def test_a_loop_continues_after_errors_and_reports_unexpected_ones(
    reports: ErrorReports, error: Exception, logged: str, reported: str | None
) -> None:
    log, rounds = structlog.get_logger("test"), 0
    with capture_logs() as logs:
        for _ in range(3):
            with continue_after_errors(log, "retention"):
                rounds += 1
                raise error
    assert rounds == 3
    assert [entry["event"] for entry in logs] == [logged] * 3
    expected = [] if reported is None else [(reported, "background", "retention", 3)]
    assert sources(reports.collect()) == expected


async def test_a_cancellation_ends_a_loop(reports: ErrorReports) -> None:
    with capture_logs() as logs, pytest.raises(asyncio.CancelledError), continue_after_errors(structlog.get_logger(), "loop"):
        raise asyncio.CancelledError
    assert (logs, reports.collect()) == ([], [])


async def test_without_a_service_errors_are_only_logged() -> None:
    with capture_logs() as logs, continue_after_errors(structlog.get_logger(), "loop"):
        raise ValueError("no")
    assert [entry["event"] for entry in logs] == ["loop_failed"]
