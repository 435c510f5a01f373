"""The local provider agrees with the engine that speaks its voices."""

from pathlib import Path

import pytest

from echo_synthesis.engines.kokoro import FLOAT_MODEL, SPEC
from echo_voice.cloning.training import TrainingConfig
from echo_voice.domain.values import TrainingOptions
from echo_voice.providers.local import MODEL, LocalProvider
from echo_voice.providers.local.child import accent_of
from echo_voice.settings import VoiceSettings


def test_training_uses_the_model_that_the_engine_prepares() -> None:
    assert Path("kokoro") / FLOAT_MODEL == MODEL


def test_clones_are_made_in_the_languages_that_the_engine_speaks() -> None:
    assert set(LocalProvider.languages) == {tag.partition("-")[0] for tag in SPEC.clone_languages}


def test_a_professional_clone_takes_as_many_more_steps_as_it_has_more_sentences() -> None:
    provider = LocalProvider(VoiceSettings())
    instant, professional = TrainingOptions(epochs=2), TrainingOptions(kind="professional", epochs=2)
    assert (provider.steps(instant), provider.steps(professional)) == (32, 96)
    assert provider.estimate(professional, 60) > 2 * provider.estimate(instant, 60)


@pytest.mark.parametrize(("epochs", "batch_size"), [(1, 1), (3, 5)])
def test_the_announced_steps_are_those_of_the_training(epochs: int, batch_size: int) -> None:
    steps = LocalProvider(VoiceSettings()).steps(TrainingOptions(epochs=epochs, batch_size=batch_size))
    assert steps == TrainingConfig(epochs=epochs, batch_size=batch_size).steps


def test_the_estimate_depends_on_the_sentences_trained_and_not_on_their_batches() -> None:
    estimate = LocalProvider(VoiceSettings()).estimate
    one, larger, two = (estimate(TrainingOptions(epochs=e, batch_size=b), 20) for e, b in ((1, 1), (1, 8), (2, 1)))
    assert one == larger < two < 2 * one


@pytest.mark.parametrize(
    ("language", "accent"), [("en-GB", "en-GB"), ("en-gb", "en-GB"), ("en", "en-US"), ("en-US", "en-US"), ("fr-FR", "en-US")]
)
def test_the_accent_of_a_clone_is_that_of_its_language(language: str, accent: str) -> None:
    assert accent_of(language) == accent
