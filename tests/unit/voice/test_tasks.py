"""States of samples whose processing is cancelled, retried or requested again."""

import pytest

from echo_common.contracts.errors.synthesis import JobNotFoundError, JobStateConflictError
from echo_common.contracts.http.voice import SampleStatus
from echo_common.contracts.values import JobStatus
from echo_voice.domain.samples import Sample, StoredFile
from echo_voice.domain.values import Measures, Verdict

FILE = StoredFile(key="samples/vs_1/original", mime="audio/wav", size=1, checksum="x")
QUALITY = Measures(duration=9.0, speech_seconds=8.0, clipping=0.0, sample_rate=24_000, channels=1)


def uploaded() -> Sample:
    return Sample.upload("vs_1", "usr_1", FILE, name="Me", description=None, language=None)


def processed(verdict: str = "good") -> Sample:
    sample = uploaded()
    attempt = sample.claim("worker", 15)
    verdicts = [Verdict.model_validate({"measure": "snr", "value": 1.0, "verdict": verdict, "advice": "Record again."})]
    sample.accept(attempt, FILE, QUALITY, verdicts, transcript=None, embedding=None, duplicate_of=None)
    return sample


@pytest.mark.parametrize(("verdict", "status"), [("good", SampleStatus.READY), ("rejected", SampleStatus.REJECTED)])
def test_a_cancelled_repetition_restores_the_status_of_the_measures(verdict: str, status: SampleStatus) -> None:
    sample = processed(verdict)
    sample.process_again()
    sample.cancel_task(sample.job_id)
    assert (sample.status, sample.work, sample.awaits_request) == (status, JobStatus.CANCELLED, False)


def test_a_sample_cancelled_before_its_measurement_awaits_another_request() -> None:
    sample = uploaded()
    sample.cancel_task(sample.job_id)
    assert (sample.status, sample.awaits_request) == (SampleStatus.UPLOADED, True)
    sample.process_again()
    assert not sample.awaits_request


def test_only_the_current_task_can_be_retried() -> None:
    sample = uploaded()
    first = sample.job_id
    sample.cancel_task(first)
    sample.process_again()
    with pytest.raises(JobStateConflictError):
        sample.retry_task(first)
    sample.cancel_task(sample.job_id)
    sample.retry_task(sample.job_id)
    assert [task.status for task in sample.tasks] == [JobStatus.CANCELLED, JobStatus.PENDING]


def test_a_deleted_task_does_not_join_the_history() -> None:
    sample = processed()
    first = sample.job_id
    sample.delete_task(first)
    assert sample.tasks == []
    sample.process_again()
    assert [task.job_id for task in sample.tasks] == [sample.job_id]
    with pytest.raises(JobNotFoundError):
        sample.task(first)


def test_the_history_keeps_the_last_hundred_tasks() -> None:
    sample = uploaded()
    job_ids = [sample.job_id]
    for _ in range(101):
        sample.cancel_task(sample.job_id)
        sample.process_again()
        job_ids.append(sample.job_id)
    assert [task.job_id for task in sample.tasks] == job_ids[1:]
    with pytest.raises(JobNotFoundError):
        sample.task(job_ids[0])


def test_deleting_a_pending_task_cancels_it() -> None:
    sample = uploaded()
    sample.delete_task(sample.job_id)
    assert sample.work is JobStatus.CANCELLED
