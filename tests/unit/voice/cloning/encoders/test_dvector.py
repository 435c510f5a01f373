from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession
from onnxruntime.quantization import QuantType, quantize_dynamic

from echo_voice.cloning.encoders.dvector import DVector
from echo_voice.cloning.encoders.spectra import mel_bank
from tests.support.recordings import noisy_voice

_CELLS, _OUTPUTS, _LAYERS = 48, 256, 3


def _graph() -> onnx.ModelProto:
    """A network of the published structure with random weights and fewer cells."""
    random = np.random.default_rng(7)

    def weights(*shape: int) -> NDArray[np.float32]:
        return np.asarray(random.standard_normal(shape) / np.sqrt(shape[-1]), np.float32)

    nodes = [helper.make_node("Transpose", ["mel_window"], ["h0"], perm=[1, 0, 2])]
    constants = {"linear": weights(_OUTPUTS, _CELLS).T.copy(), "offset": weights(1, _OUTPUTS)[0], "direction": np.array([1])}
    for layer in range(_LAYERS):
        constants[f"w{layer}"] = weights(1, 4 * _CELLS, _CELLS if layer else 40)
        constants[f"r{layer}"], constants[f"b{layer}"] = weights(1, 4 * _CELLS, _CELLS), weights(1, 8 * _CELLS)
        names = [f"{kind}{layer}" for kind in "hwrb"]
        nodes.append(helper.make_node("LSTM", names, [f"all{layer}", f"last{layer}"], hidden_size=_CELLS))
        nodes.append(helper.make_node("Squeeze", [f"all{layer}", "direction"], [f"h{layer + 1}"]))
    nodes += [
        helper.make_node("Squeeze", [f"last{_LAYERS - 1}", "first"], ["select"]),
        helper.make_node("MatMul", ["select", "linear"], ["product"]),
        helper.make_node("Add", ["product", "offset"], ["embedding"]),
    ]
    given = [numpy_helper.from_array(value, name) for name, value in (constants | {"first": np.array([0])}).items()]
    inputs = [helper.make_tensor_value_info("mel_window", TensorProto.FLOAT, ["batch", 80, 40])]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", _OUTPUTS])]
    graph = helper.make_graph(nodes, "d-vector", inputs, outputs, given)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("d-vector")
    onnx.save(_graph(), str(folder / "float.onnx"))
    quantize_dynamic(
        folder / "float.onnx", folder / "int8.onnx", op_types_to_quantize=["LSTM", "MatMul"], weight_type=QuantType.QInt8
    )
    return folder / "int8.onnx"


@pytest.fixture(scope="module")
def encoder(file: Path) -> DVector:
    return DVector.open(file)


def test_embeddings_equal_the_quantised_graph_s(file: Path, encoder: DVector) -> None:
    speech = noisy_voice(2.5)
    loud = speech / np.sqrt(np.mean(speech**2)) * 10 ** (-25 / 20)
    window = np.pad(np.hamming(401)[:-1], 56)
    frames = np.lib.stride_tricks.sliding_window_view(loud, 512)[::160] * window
    features = np.log10(np.abs(np.fft.rfft(frames)) ** 2 @ mel_bank(40, 512).T + 1e-10).astype(np.float32)
    windows = np.stack([features[start : start + 80] for start in range(0, len(features) - 79, 40)])
    vectors = InferenceSession(str(file)).run(None, {"mel_window": windows})[0]
    expected = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(axis=0)
    assert encoder.embed(speech) @ expected / np.linalg.norm(expected) > 0.999


@pytest.mark.parametrize("seconds", [0.01, 0.9, 4.0])
def test_embeddings_are_unit_vectors_for_any_length(encoder: DVector, seconds: float) -> None:
    vector = encoder.embed(noisy_voice(seconds))
    assert vector.shape == (_OUTPUTS,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_embeddings_are_independent_of_level(encoder: DVector) -> None:
    speech = noisy_voice(1.0)
    assert encoder.embed(speech * np.float32(0.2)) == pytest.approx(encoder.embed(speech), abs=1e-3)


@pytest.mark.parametrize("seconds", [0.5, 2.5])
def test_the_gradient_equals_finite_differences(encoder: DVector, seconds: float) -> None:
    speech, target = noisy_voice(seconds), encoder.embed(noisy_voice(2.0, seed=9, pitch=190))
    before, gradient = encoder.similarity(speech, target)
    assert gradient.shape == speech.shape
    assert before == pytest.approx(float(encoder.embed(speech) @ target), abs=1e-5)
    along = gradient - speech * (gradient @ speech) / (speech @ speech)  # changes the level, and with it the gain, least
    direction = along / (gradient @ along) * np.float32(2e-4)
    ends = [encoder.similarity((speech + sign * direction).astype(np.float32), target)[0] for sign in (1, -1)]
    assert (ends[0] - ends[1]) / 4e-4 == pytest.approx(1, rel=0.05)
