"""Tests of progress events, which depend only on the state of a job."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from echo_gateway.progress_events import events_since


def job(status: str, done: int = 0, total: int = 0) -> dict[str, Any]:
    return {"status": status, "units_done": done, "units_total": total}


@given(
    total=st.integers(1, 40), stops=st.lists(st.integers(0, 43), max_size=8), ending=st.sampled_from(["completed", "failed"])
)
def test_repeated_reads_give_the_same_events(total: int, stops: list[int], ending: str) -> None:
    states = [
        job("pending", 0, total),
        *(job("processing", done, total) for done in range(total + 1)),
        job(ending, total, total),
    ]
    at_once = list(events_since(states[-1], 0))
    seen, pieces = 0, []
    for state in [*(states[min(stop, len(states) - 1)] for stop in sorted(stops)), states[-1]]:
        for number, event in events_since(state, seen):
            pieces.append((number, event))
            seen = number
    assert pieces == at_once
    assert [number for number, _ in at_once] == list(range(1, total + 4))


def test_progress_never_decreases_and_is_complete_only_at_the_end() -> None:
    shares = [event["progress"] for _, event in events_since(job("completed", 7, 7), 0)]
    assert shares == sorted(shares)
    assert shares.index(100) == len(shares) - 1


def test_pending_jobs_report_their_queue_position() -> None:
    job = {"status": "pending", "units_done": 0, "units_total": 2, "queue_position": 3}
    [(_, event)] = events_since(job, 0)
    assert (event["message"], event["queue_position"]) == ("Job queued for processing, position 4 in the queue", 3)
    [_, (_, begun)] = events_since(job | {"status": "processing"}, 0)
    assert "queue_position" not in begun


def test_released_jobs_repeat_no_event() -> None:
    assert list(events_since(job("pending", 3, 5), 5)) == []


def test_jobs_that_end_early_skip_missing_events() -> None:
    numbers = [number for number, _ in events_since(job("cancelled", 2, 5), 0)]
    assert numbers == [1, 2, 3, 4, 8]


def test_the_last_event_of_a_completed_job_has_its_audio() -> None:
    result = {"output_file_path": "/api/v1/files/audio/aud_1", "audio_url": "/api/v1/files/audio/aud_1", "duration": 5.2}
    events = [event for _, event in events_since(job("completed", 1, 1) | result, 0)]
    assert events[-1] == {"progress": 100, "status": "completed", "message": "Synthesis completed", **result}
    assert all(event.keys() == {"progress", "status", "message"} for event in events[:-1])
    [*_, (_, failed)] = events_since(job("failed", 1, 2) | result, 0)
    assert failed.keys() == {"progress", "status", "message"}
