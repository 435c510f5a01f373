"""Tests of the table of clones in other languages."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.clone_languages import HEADINGS, TEXTS, LanguageBench, Speaker, plain
from echo_common.audio.style_file import ROWS, STYLE, VoiceStyle
from echo_synthesis.engine import Speech, Utterance

Floats = NDArray[np.float32]
ALL = [text for texts in TEXTS.values() for text in texts]
LENGTH = 24_000


class ToneEngine:
    """Speaks each text as a tone of 200 Hz whose length tells the number of the text."""

    def speak(self, utterance: Utterance) -> Speech:
        length = LENGTH + 300 * ALL.index(utterance.text)
        samples = 0.3 * np.sin(2 * np.pi * 200 * np.arange(length) / 24_000)
        return Speech(samples.astype(np.float32), 24_000, (), "model")


class EqualEncoder:
    """Finds all voices equal."""

    def embed(self, samples: Floats) -> Floats:
        return np.array([1, 0], np.float32)


def hear_all_but_hindi(samples: Floats, language: str) -> str:
    return "क" if language == "hi" else ALL[round((len(samples) * 1.5 - LENGTH) / 300)].upper()


def rows(voices: Path, *, recogniser: bool, pitch: float = 100.0) -> Sequence[dict[str, str]]:
    style = VoiceStyle(np.zeros((ROWS, STYLE), np.float32))
    for name in ("ff_siwis", "hm_psi"):
        style.table.tofile(voices / f"{name}.bin")
    bench = LanguageBench(ToneEngine(), voices, EqualEncoder(), hear_all_but_hindi if recogniser else None)
    found = bench.rows("ann", style, Speaker([np.array([0.6, 0.8], np.float32)], pitch))
    return [dict(zip(HEADINGS, row, strict=True)) for row in found]


def test_clones_and_native_voices_are_compared_in_each_language(tmp_path: Path) -> None:
    found = rows(tmp_path, recogniser=True)
    assert [row["Voice"] for row in found if row["Language"] == "fr-FR"] == ["ann stock, ff_siwis", "ann clone"]
    assert [row["Language"] for row in found if row["Voice"] == "ann clone"] == list(TEXTS)
    assert {row["Similarity, held out"] for row in found} == {"0.600"}
    assert {row["Error"] for row in found} == {"+12.00 semitones"}


def test_words_of_a_language_that_the_recogniser_does_not_know_are_not_measured(tmp_path: Path) -> None:
    found = {(row["Voice"], row["Language"]): row["Word errors"] for row in rows(tmp_path, recogniser=True)}
    assert found["ann clone", "fr-FR"] == found["ann stock, ff_siwis", "fr-FR"] == "0%"
    assert found["ann clone", "hi-IN"] == found["ann stock, hm_psi", "hi-IN"] == "not measured"


def test_words_are_not_measured_without_a_recogniser(tmp_path: Path) -> None:
    assert {row["Word errors"] for row in rows(tmp_path, recogniser=False)} == {"not measured"}


@pytest.mark.parametrize(
    ("text", "words"), [("Où est-elle ?", "où est elle"), ("नमस्ते, दुनिया।", "नमस्ते दुनिया"), ("L'eau\u00a0: 3 €", "l eau 3")]
)
def test_words_are_compared_without_case_and_punctuation(text: str, words: str) -> None:
    assert plain(text) == words
