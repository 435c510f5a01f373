"""Progress events of a job, derived from its state."""

from collections.abc import Iterator, Mapping
from typing import Any

from echo_common.contracts.values import JobStatus, JobType

_FAILED = {
    JobType.SYNTHESIS: "The synthesis failed; retry the job.",
    JobType.SAMPLE_PROCESSING: "The processing of the sample failed; retry the job.",
    JobType.TRAINING: "The training failed; retry the job.",
}
_COMPLETED = {
    JobType.SYNTHESIS: "Synthesis completed",
    JobType.SAMPLE_PROCESSING: "Processing completed",
    JobType.TRAINING: "Training completed",
}
_QUEUED = "Job queued for processing"
_RESULT_FIELDS = ("output_file_path", "audio_url", "duration")
"""Fields of a completed synthesis job that its last progress event repeats."""


def events_since(job: Mapping[str, Any], seen: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the events that lead to a job's state, after the id `seen`.

    Ids depend only on the state, so that they are equal on every replica: 1 is pending, 2 is processing, 2 + k is k units done,
    and 3 + all units is the end.
    """
    status, done, total = JobStatus(job["status"]), int(job["units_done"]), int(job["units_total"])
    last = 2 + total + 1
    reached = 1 if status is JobStatus.PENDING else 2 + (total if status is JobStatus.COMPLETED else done)
    for number in range(seen + 1, reached + 1):
        units = max(0, number - 2)
        current = JobStatus.PENDING if number == 1 else JobStatus.PROCESSING
        counted = f"{units} of {total} {job.get('step', 'segments synthesised')}."
        message = _QUEUED if number == 1 else counted if units else "Processing started."
        event = {"progress": _percent(units, total), "status": current, "message": message}
        if number == reached and status is JobStatus.PENDING and (before := job.get("queue_position")):
            event |= {"message": f"{message}, position {before + 1} in the queue", "queue_position": before}
        if number == reached and status is JobStatus.PROCESSING and (left := job.get("eta_seconds")) is not None:
            event |= {"message": f"{message} About {left:.0f} s left.", "eta_seconds": left}
        yield number, event
    if status.terminal and seen < last:
        completed = status is JobStatus.COMPLETED
        result = {name: job[name] for name in _RESULT_FIELDS if job.get(name) is not None} if completed else {}
        progress = 100 if completed else _percent(done, total)
        messages = _COMPLETED if completed else _FAILED if status is JobStatus.FAILED else {}
        finished = messages.get(JobType(job.get("type", JobType.SYNTHESIS)), "Cancelled.")
        message = job.get("error_message") or finished
        yield last, {"progress": progress, "status": status, "message": message, **result}


def _percent(units: int, total: int) -> int:
    return min(99, 100 * units // total) if total else 0
