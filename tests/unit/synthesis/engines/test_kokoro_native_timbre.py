"""Tests of the timbre of clones in other languages."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from echo_common.audio.style_file import MODULATION, ROWS, STYLE, VoiceStyle
from echo_synthesis.engine import Utterance
from echo_synthesis.engines.kokoro import ESPEAK_LANGUAGES, LANGUAGES
from echo_synthesis.engines.kokoro.digests import DIGESTS
from echo_synthesis.engines.kokoro.native_timbre import NATIVE_VOICES, add_native_timbre, nearest_native
from echo_synthesis.engines.kokoro.runtimes import UNADAPTED, Adaptation
from echo_synthesis.engines.kokoro.speaker import Speaker
from echo_synthesis.text.words import find_words

Floats = NDArray[np.float32]
FRENCH = "La vieille horloge sonne quatre heures."
ENGLISH = "The old clock strikes four."


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built-in voices of random numbers."""
    folder = tmp_path_factory.mktemp("voices")
    random = np.random.default_rng(0)
    for name in ("af_heart", "ff_siwis", "if_sara", "im_nicola"):
        random.normal(size=(ROWS, STYLE)).astype("<f4").tofile(folder / f"{name}.bin")
    return folder


@pytest.fixture(scope="module")
def clone() -> VoiceStyle:
    table = np.random.default_rng(9).normal(size=(ROWS, STYLE)).astype(np.float32)
    return VoiceStyle(table, 0.9, 4.0, 0.8, "en-GB", np.full(MODULATION, 0.5, np.float16))


def table(voices: Path, name: str) -> Floats:
    return np.fromfile(voices / f"{name}.bin", "<f4").reshape(ROWS, STYLE)


def test_a_quarter_of_the_timbre_is_native(voices: Path, clone: VoiceStyle) -> None:
    adapted = add_native_timbre(clone, "fr", voices)
    mixed = 0.75 * clone.table[:, :128] + 0.25 * table(voices, "ff_siwis")[:, :128]
    assert np.allclose(adapted.table[:, :128], mixed, atol=1e-6)


def test_prosody_pitch_rate_accent_and_modulation_stay(voices: Path, clone: VoiceStyle) -> None:
    adapted = add_native_timbre(clone, "fr", voices)
    assert np.array_equal(adapted.table[:, 128:], clone.table[:, 128:])
    assert np.array_equal(adapted.modulation, clone.modulation)
    assert (adapted.pitch_scale, adapted.pitch_shift, adapted.rate, adapted.accent) == (0.9, 4.0, 0.8, "en-GB")


@pytest.mark.parametrize(("near", "far"), [("if_sara", "im_nicola"), ("im_nicola", "if_sara")])
def test_the_native_voice_of_the_nearest_timbre_is_taken(voices: Path, near: str, far: str) -> None:
    style = VoiceStyle(np.float32(0.6) * table(voices, near) + np.float32(0.4) * table(voices, far))
    assert nearest_native(style, "it", voices) == near


def test_voices_stay_without_the_files_of_native_voices(voices: Path, clone: VoiceStyle) -> None:
    assert add_native_timbre(clone, "es", voices) is clone


def test_every_language_but_english_has_native_voices() -> None:
    assert set(NATIVE_VOICES) == {espeak for tag, espeak in ESPEAK_LANGUAGES.items() if not tag.startswith("en")}
    for language, names in NATIVE_VOICES.items():
        assert {ESPEAK_LANGUAGES[LANGUAGES[name[0]]] for name in names} == {language}
        assert set(names) <= set(DIGESTS)


class Recorder:
    """A runtime that keeps the last style and adaptation."""

    def __init__(self) -> None:
        self.style, self.adaptation = np.zeros((1, STYLE), np.float32), UNADAPTED

    def run(
        self, tokens: NDArray[np.int64], style: Floats, speed: float, adaptation: Adaptation = UNADAPTED
    ) -> tuple[Floats, Floats]:
        self.style, self.adaptation = style, adaptation
        return np.zeros(600 * tokens.size, np.float32), np.ones(tokens.size, np.float32)

    def release_memory(self) -> None: ...


def _say(speaker: Speaker, text: str, voice: str, language: str) -> None:
    speaker.speak(Utterance(text, tuple(find_words(text, 300)), voice, language))


def _is_row(style: Floats, rows: Floats) -> bool:
    return bool((rows == style).all(axis=1).any())


def test_a_clone_has_native_timbre_in_other_languages_only(voices: Path, clone: VoiceStyle, tmp_path: Path) -> None:
    clone.save(tmp_path / "clone.npz")
    runtime, voice = Recorder(), f"file:{tmp_path / 'clone.npz'}"
    speaker = Speaker(runtime, voices)
    _say(speaker, FRENCH, voice, "fr-FR")
    assert _is_row(runtime.style, add_native_timbre(clone, "fr", voices).table)
    for language in ("en-US", "en-GB"):  # after French: the French style is not kept for other languages
        _say(speaker, ENGLISH, voice, language)
        assert _is_row(runtime.style, clone.table)
        assert np.array_equal(runtime.adaptation.modulation, Adaptation.of(clone).modulation)


def test_built_in_voices_keep_their_own_timbre(voices: Path) -> None:
    runtime = Recorder()
    _say(Speaker(runtime, voices), FRENCH, "af_heart", "fr-FR")
    assert _is_row(runtime.style, table(voices, "af_heart"))
