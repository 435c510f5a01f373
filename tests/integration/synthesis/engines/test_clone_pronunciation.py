"""Tests of the languages of Kokoro's voice models with the real model."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from echo_synthesis.engine import EngineConfig, Speech, Utterance
from echo_synthesis.engines.kokoro import SPEC
from echo_synthesis.speech_check import check_speech
from echo_synthesis.text.words import find_words
from tests.support.models import Models

SENTENCES = {
    "es-ES": ("ef_dora", "El tiempo en las montañas es hermoso hoy."),
    "fr-FR": ("ff_siwis", "Le temps dans les montagnes est magnifique."),
    "it-IT": ("if_sara", "Il tempo in montagna è bellissimo oggi."),
    "pt-BR": ("pf_dora", "O tempo nas montanhas está bonito hoje."),
    "hi-IN": ("hf_alpha", "आज मौसम बहुत सुंदर है।"),
    "en-GB": ("bf_emma", "The weather in the mountains is beautiful."),
}


@pytest.mark.slow
def test_a_clone_pronounces_each_language_like_its_built_in_voice(speech_models: Models, tmp_path: Path) -> None:
    models = speech_models("kokoro")
    engine = SPEC.load(EngineConfig(models, threads=2))
    clone = shutil.copy(models / "kokoro" / "voices" / "am_michael.bin", tmp_path / "style")

    def sounds(speech: Speech) -> list[list[str]]:
        return [[phone.symbol for phone in word] for word in speech.phones]

    assert set(SENTENCES) | {"en-US"} == set(SPEC.clone_languages)
    for language, (native, text) in SENTENCES.items():
        words = tuple(find_words(text, SPEC.max_characters))
        utterance = Utterance(text, words, f"file:{clone}", language)
        speech = engine.speak(utterance)
        check_speech(SPEC, utterance, speech)
        assert sounds(speech) == sounds(engine.speak(replace(utterance, voice=native))), language
        if language != "hi-IN":  # espeak reads these letters as Hindi in any language
            assert sounds(speech) != sounds(engine.speak(replace(utterance, language="en-US"))), language
