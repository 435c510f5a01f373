"""Tests of the transitions of a job."""

from datetime import timedelta

import pytest

from echo_common.clock import now
from echo_common.contracts.errors.synthesis import JobStateConflictError
from echo_common.contracts.values import JobStatus
from echo_common.work.lease import LeaseLostError
from echo_common.work.task import Progress
from echo_synthesis.domain import Job, SpeechSettings
from echo_synthesis.domain.job import MAXIMUM_SCRIPT_BYTES

LEASE = 15.0


def a_job() -> Job:
    settings = SpeechSettings(voice_id="tone_low", engine="tone", language="en-US")
    return Job.queue("usr_1", "One. Two. Three.", settings, word_count=3, units_total=3)


def topics(job: Job) -> list[str]:
    return [event.topic.removeprefix("synthesis.") for event in job.pending]


def test_a_job_is_queued_claimed_and_completed() -> None:
    job = a_job()
    attempt = job.claim("wrk_1", LEASE)
    job.renew(attempt, Progress(2, 3))
    assert (job.status, job.progress) == (JobStatus.PROCESSING, 66)
    job.complete(attempt, job.audio_key, 1.5)
    assert (job.status, job.progress, job.audio_id, job.lease) == (JobStatus.COMPLETED, 100, job.audio_key, None)
    assert topics(job) == ["job_queued", "job_started", "job_progressed", "job_completed"]


def test_progress_is_published_only_when_it_changes() -> None:
    job = a_job()
    attempt = job.claim("wrk_1", LEASE)
    job.renew(attempt, Progress(1, 3))
    job.renew(attempt, Progress(1, 3))
    assert topics(job).count("job_progressed") == 1


def test_repeated_completion_is_no_error_and_is_published_once() -> None:
    job = a_job()
    attempt = job.claim("wrk_1", LEASE)
    job.complete(attempt, job.audio_key, 1.5)
    job.complete(attempt, job.audio_key, 1.5)
    assert topics(job).count("job_completed") == 1


def test_cancellation_ends_a_running_attempt_and_can_be_repeated() -> None:
    job = a_job()
    attempt = job.claim("wrk_1", LEASE)
    job.cancel()
    job.cancel()
    with pytest.raises(LeaseLostError):
        job.complete(attempt, "aud_1", 1.0)
    assert topics(job).count("job_cancelled") == 1


def test_only_jobs_that_are_not_running_can_be_deleted() -> None:
    busy, waiting = a_job(), a_job()
    busy.claim("wrk_1", LEASE)
    with pytest.raises(JobStateConflictError):
        busy.delete()
    waiting.delete()
    assert waiting.erased
    assert topics(waiting)[-1] == "job_cancelled"


def test_progress_never_decreases_after_a_restart() -> None:
    job = a_job()
    attempt = job.claim("wrk_1", LEASE)
    seen = []
    for done, total in ((1, 3), (2, 3), (0, 3), (1, 3), (0, 5), (3, 5), (4, 5), (5, 5)):
        job.renew(attempt, Progress(done, total))
        seen.append(job.units_done)
    assert seen == [1, 2, 2, 2, 2, 2, 2, 3]
    assert topics(job).count("job_progressed") == 3


def test_unavailable_engines_defer_a_job_for_the_requested_time() -> None:
    job, moment = a_job(), now()
    job.defer(job.claim("wrk_1", LEASE), moment, 600, "ENGINE_UNAVAILABLE", "Busy.")
    assert (job.status, job.losses, job.error_message) == (JobStatus.PENDING, 0, "Busy.")
    assert job.not_before == moment + timedelta(seconds=600)
    assert topics(job)[-1] == "job_queued"
    begun = job.model_copy()
    begun.claim("wrk_1", LEASE)
    assert (begun.not_before, begun.error_message) == (None, None)


def test_deferrals_grow_and_finally_fail_the_job() -> None:
    job, moment = a_job(), now()
    pauses = []
    while job.status is JobStatus.PENDING:
        job.defer(job.claim("wrk_1", LEASE), moment, 1, "ENGINE_UNAVAILABLE", "Busy.")
        pauses.append((job.not_before - moment).total_seconds() if job.not_before else None)
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60, 60, None]
    assert (job.error_code, job.error_message) == ("ENGINE_UNAVAILABLE", "Busy.")


def test_jobs_that_progress_between_refusals_do_not_fail() -> None:
    job = a_job()
    for done in range(3):
        for _ in range(8):
            attempt = job.claim("wrk_1", LEASE)
            job.defer(attempt, now(), 1, "ENGINE_UNAVAILABLE", "Busy.")
        attempt = job.claim("wrk_1", LEASE)
        job.renew(attempt, Progress(done + 1, 3))
        job.defer(attempt, now(), 1, "ENGINE_UNAVAILABLE", "Busy.")
    assert job.status is JobStatus.PENDING


def test_permanent_refusals_fail_the_job_at_once() -> None:
    job = a_job()
    job.defer(job.claim("wrk_1", LEASE), now(), None, "ENGINE_UNAVAILABLE", "The key is refused.")
    assert (job.status, job.error_message) == (JobStatus.FAILED, "The key is refused.")
    job.retry()
    assert (job.refusals, job.error_message) == (0, None)


def test_only_pending_jobs_can_be_changed() -> None:
    job = a_job()
    quick = job.settings.model_copy(update={"speed": 2.0})
    job.revise("Four words are here.", quick, word_count=4, units_total=1, config={"speed": 2.0})
    assert (job.text, job.text_length, job.units_total, job.settings.speed) == ("Four words are here.", 20, 1, 2.0)
    assert job.text_hash != a_job().text_hash
    job.claim("wrk_1", LEASE)
    with pytest.raises(JobStateConflictError):
        job.revise("Too late.", quick, word_count=2, units_total=1, config={})


def test_search_covers_the_beginning_of_a_text_case_insensitively() -> None:
    job = Job.queue("usr_1", "STRASSE Straße" + " x" * 5_000, a_job().settings, word_count=1, units_total=1)
    assert job.search.startswith("strasse strasse")
    assert len(job.search) < 2_100


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
def test_failed_and_cancelled_jobs_can_be_retried_from_a_clean_start(ending: str) -> None:
    job = a_job()
    attempt = job.claim("wrk_1", LEASE)
    job.renew(attempt, Progress(2, 3, seconds_left=3.5))
    if ending == "failed":
        job.fail(attempt, "ENGINE_CRASHED", "It died.")
    else:
        job.cancel()
    job.retry()
    assert (job.status, job.units_done, job.losses, job.error_code, job.seconds_left) == (JobStatus.PENDING, 0, 0, None, None)
    assert topics(job)[-1] == "job_queued"
    assert job.claim("wrk_2", LEASE) == attempt + 1


def test_running_and_completed_jobs_are_not_retried() -> None:
    job = a_job()
    with pytest.raises(JobStateConflictError):
        job.retry()
    attempt = job.claim("wrk_1", LEASE)
    with pytest.raises(JobStateConflictError):
        job.retry()
    job.complete(attempt, "aud_1", 1.0)
    with pytest.raises(JobStateConflictError):
        job.retry()


def test_administrators_can_fail_hanging_jobs_and_the_worker_detects_it() -> None:
    job = a_job()
    attempt = job.claim("wrk_1", LEASE)
    job.fail_by_administrator("Stuck.")
    assert (job.status, job.error_message) == (JobStatus.FAILED, "Stuck.")
    with pytest.raises(LeaseLostError):
        job.renew(attempt, Progress(1, 3))


def test_the_remaining_time_is_known_only_while_a_job_runs() -> None:
    job = a_job()
    attempt = job.claim("wrk_1", LEASE)
    job.renew(attempt, Progress(1, 3, seconds_left=12.5))
    assert job.seconds_left == 12.5
    job.complete(attempt, "aud_1", 1.0)
    assert job.seconds_left is None


def test_jobs_of_a_user_are_due_one_after_the_other() -> None:
    first, second, third = a_job(), a_job(), a_job()
    second.queue_behind(first)
    third.queue_behind(second)
    lasts = timedelta(seconds=first.estimated_seconds)
    assert (second.due - first.due, third.due - second.due) == (lasts, lasts)


def test_a_job_behind_an_overdue_job_is_due_now() -> None:
    first, second = a_job(), a_job()
    first.due -= timedelta(hours=1)
    due = second.due
    second.queue_behind(first)
    assert second.due == due


def test_a_job_keeps_its_script_until_it_is_completed() -> None:
    job = a_job()
    job.revise("One.", job.settings, word_count=1, units_total=1, config={}, script=b"script")
    attempt = job.claim("wrk_1", LEASE)
    job.expire_lease()
    assert job.script == b"script"
    attempt = job.claim("wrk_2", LEASE)
    job.complete(attempt, job.audio_key, 1.5)
    assert job.script is None


def test_a_script_too_large_for_the_database_is_not_stored() -> None:
    job = a_job()
    job.revise("One.", job.settings, word_count=1, units_total=1, config={}, script=bytes(MAXIMUM_SCRIPT_BYTES + 1))
    assert job.script is None
