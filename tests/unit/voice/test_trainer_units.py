"""Tests of the conversion of training options to the trainer's units."""

import pytest

from echo_common.contracts.http.voice import SampleTrainingConfig, TrainingConfig
from echo_voice.usecases.clones import convert_to_trainer_units

PROFESSIONAL = {"kind": "professional"}


def test_usual_defaults_become_the_trainers_defaults() -> None:
    assert convert_to_trainer_units(SampleTrainingConfig()) == TrainingConfig()
    professional = TrainingConfig.model_validate(PROFESSIONAL)
    assert convert_to_trainer_units(SampleTrainingConfig.model_validate(PROFESSIONAL)) == professional


def test_the_kind_determines_the_defaults_and_given_options_override_them() -> None:
    professional = TrainingConfig.model_validate(PROFESSIONAL)
    assert professional.epochs > TrainingConfig().epochs
    assert TrainingConfig.model_validate({**PROFESSIONAL, "epochs": 1}).epochs == 1


@pytest.mark.parametrize(
    ("usual", "converted"),
    [
        (SampleTrainingConfig(epochs=1, learning_rate=0.00001, batch_size=1), (1, 0.01, 1)),
        (SampleTrainingConfig(epochs=400, learning_rate=0.004, batch_size=33), (2, 0.2, 2)),
        (SampleTrainingConfig(epochs=1_000, learning_rate=1, batch_size=64), (3, 0.3, 2)),
    ],
)
def test_accepted_options_stay_in_the_range_in_which_trainings_converge(
    usual: SampleTrainingConfig, converted: tuple[int, float, int]
) -> None:
    config = convert_to_trainer_units(usual)
    assert (config.epochs, config.learning_rate, config.batch_size) == converted
