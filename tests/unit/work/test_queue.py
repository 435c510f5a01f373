"""Selection of the tasks to claim."""

from collections.abc import Sequence
from typing import Any, cast

from echo_common.store.port import Filter
from echo_common.work.port import NOT_BUSY, Busy, Candidate, Performer, Tasks
from echo_common.work.queue import WorkQueue

ALICE = [Candidate(f"job_a{number}", "usr_alice") for number in range(3)]
BOB = Candidate("job_b", "usr_bob")


class PendingTasks:
    """Tasks that all stay pending."""

    def __init__(self, *candidates: Candidate) -> None:
        self.candidates = candidates
        self.filters: list[Filter] = []

    async def pending(self, limit: int, where: Filter, busy: Busy = NOT_BUSY) -> Sequence[Candidate]:
        self.filters.append(where)
        left_out = where.get("_id", {}).get("$nin", ())
        return [
            candidate
            for candidate in self.candidates
            if candidate.task_id not in left_out and candidate.user_id not in busy.user_ids and candidate.lane not in busy.lanes
        ][:limit]


def queue(tasks: PendingTasks, *, slots: int, reserved_slots: int = 0, lane_slots: int | None = None) -> WorkQueue[Any]:
    perform = cast("Performer[Any]", None)
    return WorkQueue(
        "jobs", cast("Tasks[Any]", tasks), perform, slots=slots, reserved_slots=reserved_slots, lane_slots=lane_slots
    )


async def test_the_selection_is_limited_to_free_slots() -> None:
    tasks = PendingTasks(*ALICE)
    assert await queue(tasks, slots=2).select([]) == ALICE[:2]
    assert await queue(tasks, slots=2).select([BOB]) == ALICE[:1]
    assert await queue(tasks, slots=1).select([BOB]) == []


async def test_reserved_slots_are_for_users_without_a_running_task() -> None:
    tasks = PendingTasks(*ALICE, BOB)
    assert await queue(tasks, slots=4, reserved_slots=2).select([]) == [*ALICE[:2], BOB]
    assert await queue(tasks, slots=2, reserved_slots=1).select([ALICE[0]]) == [BOB]


async def test_tasks_of_busy_users_do_not_hide_those_of_others() -> None:
    tasks = PendingTasks(*(Candidate(f"job_a{number}", "usr_alice") for number in range(500)), BOB)
    jobs = queue(tasks, slots=4, reserved_slots=2)
    assert [candidate.user_id for candidate in await jobs.select([])] == ["usr_alice", "usr_alice", "usr_bob"]


async def test_tasks_of_busy_lanes_do_not_hide_those_of_others() -> None:
    slow = [Candidate(f"whd_{lane}_{number}", "usr_alice", f"whk_{lane}") for lane in range(40) for number in range(4)]
    other = Candidate("whd_other", "usr_bob", "whk_other")
    selected = await queue(PendingTasks(*slow, other), slots=64, lane_slots=4).select([])
    assert other in selected
    assert len(selected) == 4 + 39 + 1


async def test_a_user_with_many_lanes_gets_no_reserved_slot() -> None:
    lanes = [Candidate(f"whd_{lane}", "usr_alice", f"whk_{lane}") for lane in range(10)]
    other = Candidate("whd_other", "usr_bob", "whk_other")
    assert await queue(PendingTasks(*lanes, other), slots=8, reserved_slots=4, lane_slots=2).select([]) == [*lanes[:4], other]


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
