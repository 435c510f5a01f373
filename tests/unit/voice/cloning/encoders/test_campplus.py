from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx.parser
import pytest
from onnx import numpy_helper
from onnxruntime import InferenceSession

from echo_voice.cloning.encoders.campplus import CampPlus, Floats
from echo_voice.cloning.encoders.campplus_layers import DenseLayer
from echo_voice.cloning.encoders.checkpoint import NotACheckpointError
from echo_voice.cloning.encoders.convolution import Convolution, Plane
from echo_voice.cloning.encoders.port import TrainableEncoder
from tests.support.recordings import noisy_voice

_RANDOM = np.random.default_rng(5)
_BLOCKS = ((128, 12), (256, 24), (512, 16))


def _normal(*shape: int, scale: float = 1.0) -> Floats:
    return (_RANDOM.standard_normal(shape) * scale).astype(np.float32)


def _normalised(name: str, channels: int) -> dict[str, Floats]:
    return {
        f"{name}.weight": 1 + _normal(channels, scale=0.1),
        f"{name}.bias": _normal(channels, scale=0.1),
        f"{name}.running_mean": _normal(channels, scale=0.1),
        f"{name}.running_var": 1 + np.abs(_normal(channels, scale=0.1)),
    }


def _kernel(name: str, *shape: int) -> dict[str, Floats]:
    return {f"{name}.weight": _normal(*shape, scale=float(np.sqrt(2 / np.prod(shape[1:]))))}


def _weights() -> dict[str, Floats]:
    """Random weights of the real shapes."""
    weights = _kernel("head.conv1", 32, 1, 3, 3) | _kernel("head.conv2", 32, 32, 3, 3)
    weights |= _normalised("head.bn1", 32) | _normalised("head.bn2", 32)
    for block in (f"head.layer{layer}.{number}" for layer in (1, 2) for number in (0, 1)):
        for number in (1, 2):
            weights |= _kernel(f"{block}.conv{number}", 32, 32, 3, 3) | _normalised(f"{block}.bn{number}", 32)
        if block.endswith("0"):
            weights |= _kernel(f"{block}.shortcut.0", 32, 32, 1, 1) | _normalised(f"{block}.shortcut.1", 32)
    weights |= _kernel("xvector.tdnn.linear", 128, 320, 5) | _normalised("xvector.tdnn.nonlinear.batchnorm", 128)
    for number, (channels, layers) in enumerate(_BLOCKS, 1):
        for layer in range(layers):
            weights |= _dense_layer(f"xvector.block{number}.tdnnd{layer + 1}", channels + 32 * layer)
        full = channels + 32 * layers
        weights |= _normalised(f"xvector.transit{number}.nonlinear.batchnorm", full)
        weights |= _kernel(f"xvector.transit{number}.linear", full // 2, full, 1)
    weights |= _normalised("xvector.out_nonlinear.batchnorm", 512) | _kernel("xvector.dense.linear", 192, 1024, 1)
    mean_and_variance = _normalised("xvector.dense.nonlinear.batchnorm", 192)
    return weights | {name: value for name, value in mean_and_variance.items() if "running" in name}


def _dense_layer(name: str, channels: int) -> dict[str, Floats]:
    weights = _normalised(f"{name}.nonlinear1.batchnorm", channels) | _kernel(f"{name}.linear1", 128, channels, 1)
    weights |= _normalised(f"{name}.nonlinear2.batchnorm", 128) | _kernel(f"{name}.cam_layer.linear_local", 32, 128, 3)
    weights |= _kernel(f"{name}.cam_layer.linear1", 64, 128, 1) | _kernel(f"{name}.cam_layer.linear2", 32, 64, 1)
    return weights | {f"{name}.cam_layer.linear1.bias": _normal(64), f"{name}.cam_layer.linear2.bias": _normal(32)}


@pytest.fixture(scope="module")
def weights() -> dict[str, Floats]:
    return _weights()


@pytest.fixture(scope="module")
def encoder(weights: dict[str, Floats]) -> TrainableEncoder:
    return CampPlus(weights)


@pytest.mark.parametrize("seconds", [0.01, 1.0, 10.5])
def test_embeddings_are_unit_vectors_for_any_length(encoder: TrainableEncoder, seconds: float) -> None:
    vector = encoder.embed(noisy_voice(seconds))
    assert vector.shape == (192,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_embeddings_are_independent_of_level(encoder: TrainableEncoder) -> None:
    speech = noisy_voice(1.0)
    assert encoder.embed(speech * np.float32(0.3)) == pytest.approx(encoder.embed(speech), abs=3e-3)


@pytest.mark.parametrize("seconds", [0.3, 2.5])
def test_the_gradient_equals_finite_differences(encoder: TrainableEncoder, seconds: float) -> None:
    speech, target = noisy_voice(seconds), encoder.embed(noisy_voice(1.0, seed=9, pitch=190))
    before, gradient = encoder.similarity(speech, target)
    assert before == pytest.approx(float(encoder.embed(speech) @ target), abs=1e-5)
    direction = gradient / np.square(gradient, dtype=np.float64).sum() * 1e-3
    ends = [encoder.similarity((speech + sign * direction).astype(np.float32), target)[0] for sign in (1, -1)]
    assert (ends[0] - ends[1]) / 2e-3 == pytest.approx(1, rel=0.05)


def test_the_gradient_covers_every_part_of_long_speech(encoder: TrainableEncoder) -> None:
    speech = noisy_voice(10.5)
    _, gradient = encoder.similarity(speech, encoder.embed(noisy_voice(1.0, seed=9, pitch=190)))
    assert gradient.shape == speech.shape
    assert all(np.any(part) for part in np.array_split(gradient, 8))


_LAYER = """<ir_version: 10, opset_import: ["" : 20]>
layer (float[1, 128, T] x) => (float[1, 32, T] y) {
    normal = BatchNormalization (x, n1w, n1b, n1m, n1v)
    active = Relu (normal)
    narrow = Conv (active, l1)
    renormal = BatchNormalization (narrow, n2w, n2b, n2m, n2v)
    inner = Relu (renormal)
    local = Conv <dilations: ints = [2], pads: ints = [2, 2]> (inner, ll)
    mean = ReduceMean <keepdims: int = 1> (inner, last)
    segments = AveragePool <kernel_shape: ints = [100], strides: ints = [100], ceil_mode: int = 1> (inner)
    context = Add (mean, segments)
    squeezed = Conv (context, c1w, c1b)
    bent = Relu (squeezed)
    widened = Conv (bent, c2w, c2b)
    mask = Sigmoid (widened)
    columns = Gather <axis: int = 2> (mask, segment_of_frame)
    y = Mul (local, columns)
}"""


def test_a_layer_equals_the_onnx_graph_of_its_definition(weights: dict[str, Floats]) -> None:
    name, frames = "xvector.block2.tdnnd1", 230
    shapes = {"n1": ("nonlinear1.batchnorm", 256), "n2": ("nonlinear2.batchnorm", 128)}
    parts = {"w": "weight", "b": "bias", "m": "running_mean", "v": "running_var"}
    given = {short + part: weights[f"{name}.{shapes[short][0]}.{parts[part]}"] for short in shapes for part in parts}
    given |= {"l1": weights[f"{name}.linear1.weight"], "ll": weights[f"{name}.cam_layer.linear_local.weight"]}
    given |= {f"c{n}{part}": weights[f"{name}.cam_layer.linear{n}.{parts[part]}"] for n in (1, 2) for part in "wb"}
    signal = _normal(256, frames)
    expected = _run(_LAYER.replace("128, T", "256, T"), signal[None], given, frames)
    added, _ = DenseLayer(weights, name, dilation=2).forward(signal)
    assert added == pytest.approx(expected[0], abs=1e-4)


def _run(text: str, signal: Floats, given: dict[str, Floats], frames: int) -> Floats:
    model = onnx.parser.parse_model(text)
    extra = {"last": np.array([2]), "segment_of_frame": np.arange(frames) // 100}
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in {**given, **extra}.items())
    result: Floats = InferenceSession(model.SerializeToString()).run(None, {"x": signal})[0]
    return result


@pytest.mark.parametrize(("stride", "dilation", "frames"), [(1, 1, 9), (2, 1, 9), (2, 1, 10), (1, 2, 9)])
def test_convolutions_equal_onnx_runtime(stride: int, dilation: int, frames: int) -> None:
    kernel, signal = _normal(3, 4, 5), _normal(4, frames)
    attributes = f"<dilations: ints = [{dilation}], pads: ints = [{2 * dilation}, {2 * dilation}], strides: ints = [{stride}]>"
    expected = _convolved(attributes, signal, kernel)
    layer = Convolution(kernel, np.zeros(3, np.float32), stride=stride, dilation=dilation)
    assert layer.forward(signal) == pytest.approx(expected, abs=1e-5)
    back = layer.backward(expected, frames)
    assert (back * signal).sum() == pytest.approx(np.square(expected).sum(), rel=1e-4)


@pytest.mark.parametrize(("stride", "shape"), [(1, (4, 6, 7)), (2, (4, 6, 7)), (2, (4, 5, 7))])
def test_convolutions_of_planes_equal_onnx_runtime(stride: int, shape: tuple[int, int, int]) -> None:
    kernel, plane = _normal(3, 4, 3, 3), _normal(*shape)
    expected = _convolved(f"<pads: ints = [1, 1, 1, 1], strides: ints = [{stride}, 1]>", plane, kernel)
    layer = Plane(kernel, np.zeros(3, np.float32), stride=stride)
    assert layer.forward(plane) == pytest.approx(expected, abs=1e-5)
    assert (layer.backward(expected, shape) * plane).sum() == pytest.approx(np.square(expected).sum(), rel=1e-4)


def _convolved(attributes: str, signal: Floats, kernel: Floats) -> Floats:
    sizes: Sequence[str] = [str(size) for size in (1, *signal.shape)]
    text = f'<ir_version: 10, opset_import: ["" : 20]> g (float[{", ".join(sizes)}] x) => (float y) {{ y = Conv {attributes} (x, k) }}'
    result: Floats = _run(text, signal[None], {"k": kernel}, 1)[0]
    return result


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"something else")
    with pytest.raises(NotACheckpointError):
        CampPlus.open(tmp_path / "weights.pt")
