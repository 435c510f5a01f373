"""The life of work that a voice worker does, seen at a training."""

import pytest

from echo_common.contracts.http.voice import CloneStatus, TrainingConfig
from echo_common.contracts.values import JobStatus
from echo_voice.domain.task import MAXIMUM_LOSSES, LeaseLostError
from echo_voice.domain.voicemodels import Made, VoiceModel

LEASE = 15.0
STEPS = 150


def a_training() -> VoiceModel:
    return VoiceModel.request(
        "usr_1",
        name="Me",
        provider="tone",
        language="en",
        sample_ids=["vs_1"],
        consent_id="cns_1",
        config=TrainingConfig(),
    )


def killed_at(model: VoiceModel, step: int) -> None:
    attempt = model.claim("wrk", LEASE)
    for done in range(step + 1):
        model.renew(attempt, done, STEPS, None)
    model.expire_lease()


def test_a_training_whose_workers_die_while_it_progresses_is_not_given_up() -> None:
    model = a_training()
    for step in (4, 8, 12, 16, 20):
        killed_at(model, step)
    assert (model.work, model.losses) == (JobStatus.PENDING, 1)
    model.complete(model.claim("wrk", LEASE), Made(engine="tone", reference="tone_low"))
    assert model.status is CloneStatus.READY


def test_a_training_that_never_gets_further_fails_at_the_third_loss_in_a_row() -> None:
    model = a_training()
    deaths = 0
    while model.work is JobStatus.PENDING:
        killed_at(model, 5)
        deaths += 1
    assert (deaths, model.error_code) == (1 + MAXIMUM_LOSSES - 1, "WORKER_LOST")


def test_a_training_that_begins_anew_counts_from_nothing() -> None:
    model = a_training()
    for _ in range(MAXIMUM_LOSSES):
        killed_at(model, 5)
    model.train_again()
    assert (model.losses, model.steps_reached) == (0, 0)


def test_a_late_attempt_neither_renews_nor_fails_a_later_one() -> None:
    model = a_training()
    late = model.claim("wrk_1", LEASE)
    model.cancel()
    model.train_again()
    model.claim("wrk_2", LEASE)
    with pytest.raises(LeaseLostError):
        model.renew(late, 1, STEPS, None)
    with pytest.raises(LeaseLostError):
        model.hand_back(late)
