"""The training process reports progress in all of its phases."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echo_common.audio.style_file import VoiceStyle, read_style
from echo_voice.analysis.measure import write_flac
from echo_voice.cloning.decoder import Floats
from echo_voice.cloning.objective import Encoders
from echo_voice.cloning.sentences import UNSEEN
from echo_voice.cloning.stock import stock_embeddings
from echo_voice.providers.local import __main__ as process
from echo_voice.similarity import VOICES
from tests.unit.voice.cloning.test_training import FirstSamples, LinearDecoder


class SpeakingDecoder(LinearDecoder):
    """A decoder of whole sentences, which are tones."""

    def __init__(self, model: Path, threads: int) -> None:
        super().__init__()

    def discard_gradient(self) -> None:
        """Do nothing: there is no memory to release."""

    def synthesize(self, tokens: object, voice: VoiceStyle) -> Floats:
        return np.sin(np.arange(24_000, dtype=np.float32) / 20)


class Judge:
    """A judge that finds the speech of every voice unclear."""

    def count_word_errors(self, samples: Floats, text: str) -> int:
        return 5

    def opinion(self, samples: Floats) -> float:
        return 1.0


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the task of a training with stand-ins for the models."""
    stock = sorted(stock_embeddings())[:3]
    (tmp_path / VOICES).mkdir(parents=True)
    random = np.random.default_rng(2)
    for name in stock:
        random.standard_normal((510, 256)).astype(np.float32).tofile(tmp_path / VOICES / f"{name}.bin")
    write_flac(tmp_path / "sample.flac", np.asarray(random.standard_normal(48_000) / 20, np.float32))
    encoder = FirstSamples()
    known = {name: np.full(256, 0.003, np.float32) for name in stock}
    encoders = Encoders(encoder, [(encoder, 1.0)], encoder, known)
    monkeypatch.setattr(Encoders, "open", lambda folder: encoders)
    monkeypatch.setattr(process, "KokoroDecoder", SpeakingDecoder)
    monkeypatch.setattr(process, "PackagedJudge", Judge)
    return {
        "recordings": [str(tmp_path / "sample.flac")],
        "transcripts": [None],
        "rhythms": [{"speech_seconds": 2.0, "pauses": 1, "pause_seconds": 0.6}],
        "accent": "en-GB",
        "config": {"epochs": 1, "batch_size": 4},
        "models": str(tmp_path),
        "checkpoint": str(tmp_path / "checkpoint"),
        "style": str(tmp_path / "style"),
        "present": str(tmp_path / "present"),
        "threads": 1,
    }


def test_the_trained_voice_and_the_present_one_have_the_accent_of_the_task(task: dict[str, Any]) -> None:
    process.main(task)
    assert read_style(Path(task["style"])).accent == "en-GB"
    assert read_style(Path(task["present"])).accent == "en-GB"


def test_progress_moves_in_every_phase(task: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    process.main(task)
    *lines, last = map(json.loads, capsys.readouterr().out.splitlines())
    steps, notes = [line["step"] for line in lines], [line["note"] for line in lines]
    assert steps == sorted(steps)
    assert len({line["steps"] for line in lines}) == 1
    assert steps[-1] < lines[0]["steps"]
    phases = [note.split(",")[0] for note in notes]
    assert list(dict.fromkeys(phases)) == [
        "loading the models",
        "loading the model of the voice",
        "fitting pitch and rhythm",
        "training",
        "checking the speech",
    ]
    first = [steps[phases.index(phase)] for phase in dict.fromkeys(phases)]
    assert first == sorted(set(first))
    assert notes[-1] == f"checking the speech, sentence {3 * len(UNSEEN)}"
    assert last["made"]["mos"] == 1.0
