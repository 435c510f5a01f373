"""Transitions of a task, for the tasks of every service."""

from collections.abc import Callable

import pytest

from echo_common.clock import now
from echo_common.contracts.values import JobStatus
from echo_common.work.lease import LeaseLostError
from echo_common.work.task import MAXIMUM_CRASHES, MAXIMUM_LOSSES, Progress, Task
from tests.support.work import JOB, KINDS, STEPS, TRAINING, Kind

LEASE_SECONDS = 15.0


@pytest.fixture(params=[*KINDS.values()], ids=[*KINDS])
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def task(kind: Kind) -> Task:
    return kind.queue()


def claim(task: Task) -> int:
    return task.claim("wrk_1", LEASE_SECONDS)


def lose_worker_at(task: Task, step: int) -> None:
    """Run an attempt from the first step to this one, then expire its lease."""
    attempt = claim(task)
    for done in range(step + 1):
        task.renew(attempt, Progress(done, STEPS))
    task.expire_lease()


def test_only_a_pending_task_is_claimed(task: Task) -> None:
    claim(task)
    with pytest.raises(task.conflict):
        claim(task)


def test_a_claim_holds_a_lease_until_the_task_ends(kind: Kind, task: Task) -> None:
    attempt = claim(task)
    assert task.lease is not None
    assert (task.lease.worker, task.lease.seconds) == ("wrk_1", LEASE_SECONDS)
    kind.complete(task, attempt)
    assert task.work_status is JobStatus.COMPLETED
    assert "lease" not in task.model_dump(exclude_none=True)


def test_a_late_attempt_changes_nothing(kind: Kind, task: Task) -> None:
    late = claim(task)
    task.expire_lease()
    current = claim(task)
    changes: list[Callable[[], object]] = [
        lambda: task.renew(late, Progress(1, STEPS)),
        lambda: task.release(late),
        lambda: task.fail(late, "CODE", "Message."),
        lambda: task.defer(late, now(), 1, "CODE", "Message."),
        lambda: kind.complete(task, late),
    ]
    for change in changes:
        with pytest.raises(LeaseLostError):
            change()
    kind.complete(task, current)
    assert task.work_status is JobStatus.COMPLETED


def test_a_lease_expires_only_while_the_task_is_processed(task: Task) -> None:
    task.expire_lease()
    assert (task.work_status, task.losses) == (JobStatus.PENDING, 0)


def test_losses_are_counted_since_the_last_progress(kind: Kind, task: Task) -> None:
    for step in (4, 8, 12, 16, 20):
        lose_worker_at(task, step)
    assert (task.work_status, task.losses) == (JobStatus.PENDING, 1)
    kind.complete(task, claim(task))
    assert task.work_status is JobStatus.COMPLETED


def test_repeated_steps_are_no_progress(task: Task) -> None:
    losses = 0
    while task.work_status is JobStatus.PENDING:
        lose_worker_at(task, 5)
        losses += 1
    assert (losses, task.error_code) == (MAXIMUM_LOSSES, "WORKER_LOST")


def test_crashes_of_the_whole_platform_fail_a_task_later(task: Task) -> None:
    losses = 0
    while task.work_status is JobStatus.PENDING:
        claim(task)
        task.expire_lease(MAXIMUM_CRASHES)
        losses += 1
    assert (losses, task.error_code) == (MAXIMUM_CRASHES, "WORKER_LOST")


def test_a_released_task_is_pending_without_a_loss(task: Task) -> None:
    for _ in range(5):
        task.release(claim(task))
    assert (task.work_status, task.losses, task.lease) == (JobStatus.PENDING, 0, None)


def test_only_restarts_are_counted_in_the_events_of_a_queued_task(kind: Kind, task: Task) -> None:
    task.release(claim(task))
    task.fail(claim(task), "CODE", "Message.")
    kind.retry(task)
    task.release(claim(task))
    assert task.restarts == 1
    assert [event.restarts for event in task.pending if hasattr(event, "restarts")] == [0, 0, 1, 1]


def test_a_deferred_task_is_pending_without_a_loss(task: Task) -> None:
    task.defer(claim(task), now(), 1, "CODE", "Message.")
    assert (task.work_status, task.losses, task.lease) == (JobStatus.PENDING, 0, None)


def test_a_failed_task_keeps_the_error_until_it_is_retried(kind: Kind, task: Task) -> None:
    lose_worker_at(task, 5)
    task.fail(claim(task), "CODE", "Message.")
    assert (task.work_status, task.error_code, task.error_message) == (JobStatus.FAILED, "CODE", "Message.")
    kind.retry(task)
    assert (task.work_status, task.error_code, task.error_message, task.losses) == (JobStatus.PENDING, None, None, 0)
    claim(task)
    task.expire_lease()
    assert task.losses == 1


@pytest.mark.parametrize("kind", [JOB, TRAINING], ids=["job", "training"])
def test_a_cancellation_is_final_and_may_be_repeated(kind: Kind, task: Task) -> None:
    attempt = claim(task)
    task.cancel()
    events = len(task.pending)
    task.cancel()
    assert len(task.pending) == events
    with pytest.raises(LeaseLostError):
        kind.complete(task, attempt)
    assert task.work_status is JobStatus.CANCELLED


def test_a_completed_task_is_not_cancelled(kind: Kind, task: Task) -> None:
    kind.complete(task, claim(task))
    with pytest.raises(task.conflict):
        task.cancel()


def test_progress_is_complete_only_with_the_result(kind: Kind, task: Task) -> None:
    attempt = claim(task)
    task.renew(attempt, Progress(STEPS, STEPS))
    assert task.progress == 99  # type: ignore[attr-defined]
    kind.complete(task, attempt)
    assert task.progress == 100  # type: ignore[attr-defined]
