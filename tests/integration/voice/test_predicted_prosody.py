"""Tests of the predicted prosody with Kokoro's real model."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echo_common.audio.style_file import TIMBRE
from echo_synthesis.engines.kokoro import FLOAT_MODEL, folder
from echo_voice.cloning.decoder import KokoroDecoder
from echo_voice.cloning.prosody_fit import Floats, fit, predict
from echo_voice.cloning.stock import stock_prosody
from tests.support.models import Models


@pytest.fixture(scope="module")
def home(speech_models: Models) -> Path:
    return folder(speech_models("kokoro"))


@pytest.fixture(scope="module")
def voices(home: Path) -> Mapping[str, Floats]:
    return {path.stem: np.fromfile(path, "<f4").reshape(510, 256) for path in sorted((home / "voices").glob("[ab]*.bin"))}


@pytest.fixture(scope="module")
def decoder(home: Path) -> KokoroDecoder:
    return KokoroDecoder(home / FLOAT_MODEL, threads=2)


@pytest.mark.slow
def test_stored_prosody_is_that_of_the_model(decoder: KokoroDecoder, voices: Mapping[str, Floats]) -> None:
    found, stored = predict(voices["bm_lewis"][:, TIMBRE:], decoder), stock_prosody()["bm_lewis"]
    assert found is not None
    for name in ("low", "pitch", "high", "rate", "pause", "loudness"):
        assert getattr(found, name) == pytest.approx(getattr(stored, name), rel=0.02), name


@pytest.mark.slow
def test_fitted_prosody_has_the_pitch_range_and_rate_of_the_speaker(
    decoder: KokoroDecoder, voices: Mapping[str, Floats]
) -> None:
    wanted = replace(stock_prosody()["af_heart"], low=102.0, pitch=121.0, high=150.0, rate=4.8)
    fitted = fit(wanted, dict.fromkeys(voices, 0.5), voices, decoder)
    said = predict(fitted.table, decoder, fitted.rate)
    assert said is not None
    low, pitch, high = (fitted.pitch.scale * value + fitted.pitch.shift for value in (said.low, said.pitch, said.high))
    assert 12 * np.log2(pitch / wanted.pitch) == pytest.approx(0, abs=0.3)
    assert 12 * np.log2(high / low) == pytest.approx(wanted.spread, rel=0.1)
    assert said.rate == pytest.approx(wanted.rate, rel=0.05)
