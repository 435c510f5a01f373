"""The local provider agrees with the engine that speaks its voices."""

from pathlib import Path

from echo_synthesis.engines.kokoro import FLOAT_MODEL, SPEC
from echo_voice.providers.local import MODEL, LocalProvider


def test_training_uses_the_model_that_the_engine_prepares() -> None:
    assert Path("kokoro") / FLOAT_MODEL == MODEL


def test_clones_are_made_in_the_languages_that_the_engine_speaks() -> None:
    assert set(LocalProvider.languages) == {tag.partition("-")[0] for tag in SPEC.clone_languages}
