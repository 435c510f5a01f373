"""Selection of the tasks to claim."""

from collections.abc import Sequence
from typing import Any, cast

from echo_common.store.port import Filter
from echo_common.work.port import Candidate, Performer, Tasks
from echo_common.work.queue import WorkQueue

ALICE = [Candidate(f"job_a{number}", "usr_alice") for number in range(3)]
BOB = Candidate("job_b", "usr_bob")


class PendingTasks:
    """Tasks that all stay pending."""

    def __init__(self, *candidates: Candidate) -> None:
        self.candidates = candidates
        self.filters: list[Filter] = []

    async def pending(self, limit: int, where: Filter) -> Sequence[Candidate]:
        self.filters.append(where)
        left_out = where.get("_id", {}).get("$nin", ())
        return [candidate for candidate in self.candidates if candidate.task_id not in left_out][:limit]


def queue(tasks: PendingTasks, *, slots: int, reserved_slots: int = 0) -> WorkQueue[Any]:
    perform = cast("Performer[Any]", None)
    return WorkQueue("jobs", cast("Tasks[Any]", tasks), perform, slots=slots, reserved_slots=reserved_slots)


async def test_the_selection_is_limited_to_free_slots() -> None:
    tasks = PendingTasks(*ALICE)
    assert await queue(tasks, slots=2).select([]) == ALICE[:2]
    assert await queue(tasks, slots=2).select([BOB]) == ALICE[:1]
    assert await queue(tasks, slots=1).select([BOB]) == []


async def test_reserved_slots_are_for_users_without_a_running_task() -> None:
    tasks = PendingTasks(*ALICE, BOB)
    assert await queue(tasks, slots=4, reserved_slots=2).select([]) == [*ALICE[:2], BOB]
    assert await queue(tasks, slots=2, reserved_slots=1).select([ALICE[0]]) == [BOB]


async def test_a_task_that_runs_here_is_not_selected() -> None:
    assert await queue(PendingTasks(*ALICE), slots=3).select([ALICE[0]]) == ALICE[1:]


async def test_deferred_tasks_are_left_out_by_the_database() -> None:
    tasks = PendingTasks(*ALICE)
    jobs = queue(tasks, slots=3)
    assert jobs.deferrals.add(ALICE[0].task_id) == 1
    assert await jobs.select([]) == ALICE[1:]
    assert tasks.filters[0] == {"_id": {"$nin": [ALICE[0].task_id]}}


async def test_deferred_tasks_are_not_selected_from_cached_candidates() -> None:
    jobs = queue(PendingTasks(*ALICE), slots=4)
    assert await jobs.select(ALICE) == []
    jobs.deferrals.add(ALICE[0].task_id)
    assert await jobs.select(ALICE[1:]) == []


async def test_one_read_of_the_candidates_serves_many_selections() -> None:
    tasks = PendingTasks(*ALICE)
    jobs = queue(tasks, slots=1)
    for candidate in ALICE:
        assert await jobs.select([]) == [candidate]
    assert len(tasks.filters) == 1


def test_the_pauses_of_a_deferred_task_double_up_to_a_minute() -> None:
    deferrals = queue(PendingTasks(), slots=1).deferrals
    assert [deferrals.add("job_1") for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert deferrals.add("job_2") == 1
    deferrals.discard("job_1")
    assert deferrals.add("job_1") == 1
