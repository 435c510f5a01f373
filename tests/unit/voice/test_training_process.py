"""The training process may crash, run out of disk space or give up; a crash is not repeated endlessly."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from echo_common.errors import StorageFullError
from echo_voice.domain.values import TrainingOptions
from echo_voice.provider import Outcome, TrainingFailedError, TrainingRequest
from echo_voice.providers.local import child
from echo_voice.settings import VoiceSettings

_COUNTED = """
import json, os, pathlib, sys
runs = pathlib.Path(json.loads(sys.argv[1])["checkpoint"])
number = len(runs.read_text()) + 1 if runs.exists() else 1
runs.write_text("x" * number)
"""
_DIES = "print(json.dumps({'step': 1, 'steps': 2, 'note': ''}), flush=True); os.kill(os.getpid(), 9)"
_MADE = "print(json.dumps({'made': {'gender': 'female', 'similarity': 0.5}}))"


@pytest.fixture
def wanted(tmp_path: Path) -> TrainingRequest:
    return TrainingRequest("vm_1", "Ada", "en", (), TrainingOptions(), tmp_path)


async def train(script: str, request: TrainingRequest, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    def command(_module: str, task: str) -> Sequence[str]:
        return [sys.executable, "-c", _COUNTED + script, task]

    monkeypatch.setattr(child, "isolated_command", command)
    return await child.run(request, lambda *_: None, VoiceSettings())


async def test_a_crashed_process_is_replaced(wanted: TrainingRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = await train(f"if number < 3: {_DIES}\n{_MADE}", wanted, monkeypatch)
    assert (outcome.engine, outcome.gender, outcome.quality.similarity) == ("kokoro", "female", 0.5)
    assert wanted.checkpoint.read_text() == "xxx"


@pytest.mark.parametrize("script", [_DIES, "sys.exit(1)", "pass"])
async def test_a_training_whose_process_always_crashes_fails(
    script: str, wanted: TrainingRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TrainingFailedError, match="crashed 3 times"):
        await train(script, wanted, monkeypatch)
    assert wanted.checkpoint.read_text() == "xxx"


async def test_a_full_disk_defers_the_training(wanted: TrainingRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageFullError):
        await train("print(json.dumps({'disk_full': True}))", wanted, monkeypatch)
    assert wanted.checkpoint.read_text() == "x"


async def test_an_impossible_training_is_not_repeated(wanted: TrainingRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainingFailedError, match="A recording is silent"):
        await train("print(json.dumps({'failed': 'A recording is silent.'}))", wanted, monkeypatch)
    assert wanted.checkpoint.read_text() == "x"
