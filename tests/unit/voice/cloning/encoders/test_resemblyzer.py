import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from echo_voice.cloning.encoders.checkpoint import NotACheckpointError, read
from echo_voice.cloning.encoders.resemblyzer import Resemblyzer
from echo_voice.cloning.levels import level
from tests.support.recordings import noisy_voice

_RANDOM = np.random.default_rng(3)


@pytest.fixture(scope="module")
def encoder() -> Resemblyzer:
    """An encoder of the real shape with random weights."""
    weights = {"linear": _RANDOM.standard_normal((256, 256)) / 8, "bias": _RANDOM.standard_normal(256) / 8}
    for layer, inputs in enumerate((40, 256, 256)):
        weights[f"w{layer}"] = _RANDOM.standard_normal((1024, inputs)) / 8
        weights[f"r{layer}"] = _RANDOM.standard_normal((1024, 256)) / 16
        weights[f"b{layer}"] = _RANDOM.standard_normal(1024) / 8
    return Resemblyzer({name: value.astype(np.float32) for name, value in weights.items()})


@pytest.mark.parametrize("seconds", [0.3, 1.6, 2.5, 7.0])
def test_embeddings_are_unit_vectors_for_any_length(encoder: Resemblyzer, seconds: float):
    vector = encoder.embed(noisy_voice(seconds))
    assert vector.shape == (256,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_embeddings_are_independent_of_level(encoder: Resemblyzer):
    speech = noisy_voice(2.0)
    assert encoder.embed(speech * np.float32(0.01)) == pytest.approx(encoder.embed(speech * np.float32(0.02)), abs=1e-4)


@pytest.mark.slow
def test_the_gradient_increases_similarity(encoder: Resemblyzer):
    speech, target = noisy_voice(2.5), encoder.embed(noisy_voice(3.0, seed=9))
    before, gradient = encoder.similarity(speech, target)
    assert before == pytest.approx(float(encoder.embed(speech) @ target), abs=1e-4) or level(speech) < -30
    step = 1e-3 / np.linalg.norm(gradient)
    ends = [encoder.similarity((speech + direction * step * gradient).astype(np.float32), target)[0] for direction in (1, -1)]
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float(gradient @ gradient), rel=0.05)


def test_colour_depends_on_the_spectrum_and_not_on_level(encoder: Resemblyzer):
    speech = noisy_voice(2.0)
    assert encoder.spectral_balance(speech * np.float32(2)) == pytest.approx(encoder.spectral_balance(speech), abs=0.02)
    assert encoder.spectral_loss(np.diff(speech), encoder.spectral_balance(speech))[0] > 0.5


def test_the_gradient_decreases_the_colour_difference(encoder: Resemblyzer):
    speech, target = np.diff(noisy_voice(2.5)), encoder.spectral_balance(noisy_voice(2.5))
    _, gradient = encoder.spectral_loss(speech, target)
    step = 1e-3 / np.linalg.norm(gradient)
    ends = [
        encoder.spectral_loss((speech + direction * step * gradient).astype(np.float32), target)[0] for direction in (1, -1)
    ]
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float(gradient @ gradient), rel=0.05)


def _global(module: str, name: str) -> bytes:
    return b"c" + f"{module}\n{name}\n".encode()


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def _checkpoint(function: bytes = _global("torch._utils", "_rebuild_tensor_v2"), *, archived: bool = False) -> bytes:
    """A tensor of shape (2, 2) that begins at the second number of a storage, as PyTorch wrote them until 1.6; or its description."""
    storage = b"(" + _text("storage") + _global("torch", "FloatStorage") + _text("key") + _text("cpu") + b"K\x05Nt" + b"Q"
    tensor = function + b"(" + storage + b"K\x01" + b"K\x02K\x02\x86" + b"K\x02K\x01\x86" + b"\x89" + b"}" + b"t" + b"R"
    content = b"\x80\x02}" + _text("weight") + tensor + b"s."
    if archived:
        return content
    parts: tuple[object, ...] = (0x1950A86A20F9469CFC6C, 1001, {})
    head = b"".join(pickle.dumps(part, 2) for part in parts)
    numbers = struct.pack("<q5f", 5, 0, 1, 2, 3, 4)
    return head + content + pickle.dumps(["key"], 2) + numbers


def test_legacy_checkpoints_are_read_without_pytorch(tmp_path: Path):
    path = tmp_path / "pretrained.pt"
    path.write_bytes(_checkpoint())
    assert read(path)["weight"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVE", pickle.dumps({"a": 1}, 2), _checkpoint(_global("os", "system"))])
def test_invalid_checkpoints_are_refused_without_executing_code(tmp_path: Path, content: bytes):
    path = tmp_path / "pretrained.pt"
    path.write_bytes(content)
    with pytest.raises(NotACheckpointError):
        read(path)


def _archive(path: Path, description: bytes) -> Path:
    """Write a checkpoint as PyTorch has written them since 1.6."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", description)
        archive.writestr("archive/data/key", struct.pack("<5f", 0, 1, 2, 3, 4))
    return path


def test_checkpoints_in_archives_are_read_without_pytorch(tmp_path: Path):
    path = _archive(tmp_path / "weights.pt", _checkpoint(archived=True))
    assert read(path)["weight"].tolist() == [[1, 2], [3, 4]]


def test_archives_that_hold_code_are_refused_without_executing_it(tmp_path: Path):
    path = _archive(tmp_path / "weights.pt", _checkpoint(_global("os", "system"), archived=True))
    with pytest.raises(NotACheckpointError):
        read(path)


def test_archives_without_a_description_are_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "weights.pt", "w") as archive:
        archive.writestr("other", b"")
    with pytest.raises(NotACheckpointError):
        read(tmp_path / "weights.pt")
