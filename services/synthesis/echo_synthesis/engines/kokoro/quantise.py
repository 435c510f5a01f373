"""8-bit convolutions for OpenVINO.

The published weights have 8 bits anyway, so only the rounding of the activations is new. Their ranges are constants (`ranges.json`).
The convolutions of lower resolutions stay as they are: quantised, they double the deviation of the spectrum and save only 5 % of the
time.
"""

from typing import Any

import numpy as np

from echo_synthesis.engines.kokoro.ranges import SLOW, Ranges, read_ranges

_LEVELS = 256


def quantise(model: Any, ranges: Ranges | None = None) -> None:
    """Compute the slowest convolutions of an `openvino.Model` with 8-bit activations and weights; the model is changed.

    Raises:
        KeyError: The model has a convolution whose range is not known.
    """
    known = read_ranges() if ranges is None else ranges
    for node in model.get_ordered_ops():
        kind, name = node.get_type_name(), node.get_friendly_name()
        if kind == "Convolution" and SLOW.search(name):
            _quantise_convolution(node, known)
        elif kind == "Interpolate" and name.endswith("upsample/Resize"):
            _double_frames(node)
    model.validate_nodes_and_infer_types()


def _quantise_convolution(node: Any, ranges: Ranges) -> None:
    import openvino.opset13 as ops

    activation = node.input_value(0)
    low, high = next((ranges[name] for name in activation.get_names() if name in ranges), (None, None))
    if low is None or high is None:
        raise KeyError(node.get_friendly_name())
    step = (high - low) / (_LEVELS - 1)
    zero = round(-low / step)  # zero is exact, because the convolution pads with it
    ends = [ops.constant(np.float32(level * step)) for level in (-zero, _LEVELS - 1 - zero)]
    node.input(0).replace_source_output(ops.fake_quantize(activation, *ends, *ends, _LEVELS).output(0))

    weight = _constant(node.input_value(1).get_node())
    steps = np.maximum(np.abs(weight).max(axis=(1, 2), keepdims=True) / 127, 1e-8).astype(np.float32)
    rounded = ops.convert(ops.constant(np.round(weight / steps).astype(np.int8)), "f32")
    node.input(1).replace_source_output(ops.multiply(rounded, ops.constant(steps)).output(0))


def _constant(node: Any) -> Any:
    """Return a stored weight, which may be compressed; shape (outputs, inputs, taps)."""
    while node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return np.asarray(node.data, np.float32)


def _double_frames(node: Any) -> None:
    """Replace a repetition of every frame: OpenVINO has no kernel for it in a model with integer operators."""
    import openvino.opset13 as ops

    apart = ops.unsqueeze(node.input_value(0), ops.constant(np.array([3])))
    pairs = ops.reshape(ops.concat([apart, apart], 3), ops.constant(np.array([0, 0, -1])), special_zero=True)
    for consumer in list(node.output(0).get_target_inputs()):
        consumer.replace_source_output(pairs.output(0))
