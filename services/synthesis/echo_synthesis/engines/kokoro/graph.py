"""Changes to Kokoro's graph, so that it outputs token durations and is fast where int8 operators are slow."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from echo_synthesis.engines.kokoro.edit import Edit

DURATIONS = "/encoder/Clip_output_0"
"""Duration of each input token, in frames of 600 samples."""

EVEN_FRAMES = 16
"""Granularity of the lengths of long speech, in frames: 0.4 s."""

SHORT_EVEN_FRAMES = 8
"""Granularity of the lengths of short speech, in frames: 0.2 s. First phrases are short, and added silence would delay them."""

SHORT_FRAMES = 128
"""Longest short speech, in frames: 3.2 s."""

_MODULATED = re.compile(r"/decoder/.*/fc/Gemm_output_0")
"""Names of the values that hold the decoder's scales and shifts."""

_PITCH = "/encoder/Reshape_output_0"
_UNVOICED_BELOW = 50.0
"""Predicted pitch in Hz, below which a frame is unvoiced."""
_LOWEST_PITCH = 55.0
"""Lowest adapted pitch in Hz: voiced frames stay voiced."""

_STEP_SAMPLES = 300
"""Samples per value of the pitch."""

_PITCH_UNITS = 4
"""Pitch units per hertz. With more, the phases of three minutes would overflow 32 bits."""


def add_durations(model: ModelProto) -> None:
    """Make the token durations the model's second output."""
    model.graph.output.append(helper.make_tensor_value_info(DURATIONS, TensorProto.FLOAT, [1, "sequence_length"]))


def add_adaptation(model: ModelProto) -> None:
    """Add two inputs that adapt a voice beyond its style; zeros and `[1, 0]` change nothing.

    `modulation` (1, 37396) is added to the scales and shifts that the timbre sets in the decoder, in the order of their names.
    `pitch` (2,) holds the scale and the shift in Hz of the predicted pitch of voiced frames.
    """
    graph = model.graph
    producers = {name: node for node in graph.node for name in node.output}
    biases = {tensor.name: tensor.dims[0] for tensor in graph.initializer if len(tensor.dims) == 1}
    targets = sorted(name for name in producers if _MODULATED.fullmatch(name))
    sizes = [next(biases[value] for value in producers[name].input if value in biases) for name in targets]
    constants: dict[str, NDArray[Any]] = {
        "modulation:sizes": np.array(sizes, np.int64),
        "pitch:scale": np.array([0], np.int64),
        "pitch:shift": np.array([1], np.int64),
        "pitch:unvoiced": np.array(_UNVOICED_BELOW, np.float32),
        "pitch:lowest": np.array(_LOWEST_PITCH, np.float32),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    offsets = [f"{name}:offset" for name in targets]
    first = [
        helper.make_node("Split", ["modulation", "modulation:sizes"], offsets, "modulation", axis=1),
        helper.make_node("Gather", ["pitch", "pitch:scale"], ["pitch:0"], "pitch:0", axis=0),
        helper.make_node("Gather", ["pitch", "pitch:shift"], ["pitch:1"], "pitch:1", axis=0),
    ]
    following = {
        name: [helper.make_node("Add", [f"{name}:own", f"{name}:offset"], [name], f"{name}:adapted")] for name in targets
    }
    own = f"{_PITCH}:own"
    following[_PITCH] = [
        helper.make_node("Mul", [own, "pitch:0"], ["pitch:scaled"], "pitch:scaled"),
        helper.make_node("Add", ["pitch:scaled", "pitch:1"], ["pitch:shifted"], "pitch:shifted"),
        helper.make_node("Max", ["pitch:shifted", "pitch:lowest"], ["pitch:limited"], "pitch:limited"),
        helper.make_node("Less", [own, "pitch:unvoiced"], ["pitch:unvoiced:at"], "pitch:unvoiced:at"),
        helper.make_node("Where", ["pitch:unvoiced:at", own, "pitch:limited"], [_PITCH], "pitch:adapted"),
    ]
    nodes = list(first)
    for node in graph.node:
        added = [new for name in node.output for new in following.get(name, [])]
        outputs = [f"{name}:own" if name in following else name for name in node.output]
        del node.output[:]
        node.output.extend(outputs)
        nodes += [node, *added]
    kept = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)
    graph.input.append(helper.make_tensor_value_info("modulation", TensorProto.FLOAT, [1, sum(sizes)]))
    graph.input.append(helper.make_tensor_value_info("pitch", TensorProto.FLOAT, [2]))


def expand_weights(model: ModelProto) -> None:
    """Replace int8 weights and operators by float32 ones, `(w - zero point) * scale`; the speech stays the same.

    `DynamicQuantizeLinear > ConvInteger (> Add) > Cast > Mul` becomes `Conv`, `MatMulInteger` becomes `MatMul`,
    `DynamicQuantizeLSTM` becomes `LSTM`.
    """
    edit = Edit(model)
    for node in edit.nodes("ConvInteger"):
        bias, end = _bias_and_end(edit, node)
        inputs = [_float_input(edit, node), _weight(edit, node, _scale(edit, end)), *bias]
        edit.put(node, "Conv", inputs, end.output, **_attributes(node))
    for node in edit.nodes("MatMulInteger"):
        end = edit.next(edit.next(node))
        edit.put(node, "MatMul", [_float_input(edit, node), _weight(edit, node, _scale(edit, end))], end.output)
    for node in edit.nodes("DynamicQuantizeLSTM"):
        _, _, _, *rest, w_scale, w_zero, r_scale, r_zero = node.input
        weights = [_gates(edit, node.input[1], w_scale, w_zero), _gates(edit, node.input[2], r_scale, r_zero)]
        attributes = {name: value for name, value in _attributes(node).items() if name != "input_forget"}
        edit.put(node, "LSTM", [node.input[0], *weights, *rest], node.output, **attributes)
    edit.finish()


def pad_to_multiple(model: ModelProto) -> None:
    """Extend the final silence so that the number of frames is a multiple of `EVEN_FRAMES`, of `SHORT_EVEN_FRAMES` for short speech.

    Runtimes prepare for every length of speech separately, so there should be few lengths. The output durations do not change:
    samples beyond them are added silence.
    """
    edit = Edit(model)
    (cast,) = edit.consumers(DURATIONS)
    axis, last = edit.constant("even:axis", np.array([1])), edit.constant("even:last", np.array([-1]))
    begin, end = edit.constant("even:begin", np.array([0])), edit.constant("even:end", np.array([2**31]))
    steps = [edit.constant(f"even:{n}", np.array(n, np.float32)) for n in (SHORT_FRAMES, EVEN_FRAMES, SHORT_EVEN_FRAMES)]
    frames = edit.put(cast, "ReduceSum", [DURATIONS, axis], ["even:frames"], keepdims=1)
    long = edit.put(cast, "Greater", [frames, steps[0]], ["even:long"])
    step = edit.put(cast, "Where", [long, *steps[1:]], ["even:step"])
    over = edit.put(cast, "Mod", [frames, step], ["even:over"], fmod=1)
    short = edit.put(cast, "Sub", [step, over], ["even:short"])
    added = edit.put(cast, "Mod", [short, step], ["even:added"], fmod=1)
    others = edit.put(cast, "Slice", [DURATIONS, begin, last, axis], ["even:others"])
    silence = edit.put(cast, "Slice", [DURATIONS, last, end, axis], ["even:silence"])
    longer = edit.put(cast, "Add", [silence, added], ["even:longer"])
    durations = edit.put(cast, "Concat", [others, longer], ["even:durations"], axis=1)
    edit.put(cast, "Cast", [durations], cast.output, **_attributes(cast))
    edit.finish()


def speed_up(model: ModelProto) -> None:
    """Replace operators that are slow in CPU runtimes; the audible output stays the same.

    Requires `expand_weights` first. Together the replaced operators take a third of the time under OpenVINO.
    """
    edit = Edit(model)
    for node in edit.nodes("Sin"):
        _snake_without_sine(edit, node)
    for node in edit.nodes("STFT"):
        _stft_as_convolution(edit, node)
    for node in edit.nodes("ConvTranspose"):
        if _attributes(node)["group"] == 1 and len(node.input) == 3:
            _upsampling_as_convolution(edit, node)
    edit.finish()


def use_integer_phase(model: ModelProto) -> None:
    """Compute the phase of the voice's harmonics in integers modulo a turn, instead of a growing float.

    After ten seconds the phase is thousands of radians, which bfloat16 resolves to some tens: the voice became hoarse and weak.
    """
    edit = Edit(model)
    (sine,) = (node for node in edit.nodes("Sin") if "l_sin_gen" in node.name)
    step = 0

    def put(kind: str, *inputs: str, **attributes: Any) -> str:
        nonlocal step
        step += 1
        return edit.put(sine, kind, inputs, [f"phase:{step}"], **attributes)

    def whole(name: str, *value: int, shape: Sequence[int] = ()) -> str:
        return edit.constant(f"phase:{name}", np.array(value, np.int32).reshape(shape))

    def index(name: str, *value: int) -> str:
        return edit.constant(f"phase:{name}", np.array(value, np.int64))

    pitch = put("Transpose", "/decoder/decoder/Unsqueeze_output_0", perm=[0, 2, 1])  # (1, steps, 1), in hertz
    finer = put("Mul", pitch, edit.constant("phase:finer", np.array(_PITCH_UNITS, np.float32)))
    base = put("Cast", put("Round", finer), to=TensorProto.INT32)
    pitches = put("Mul", base, whole("harmonics", *range(1, 10), shape=(1, 1, 9)))
    turn = 24_000 * _PITCH_UNITS
    grown = put("Mod", put("Mul", pitches, whole("samples", _STEP_SAMPLES)), whole("turn", turn))
    centres = put("Mod", put("CumSum", grown, index("steps", 1)), whole("turn", turn))
    # From the middle of a step on, the next step's pitch applies. Times are half samples from the middle.
    following = put(
        "Concat",
        put("Slice", pitches, index("second", 1), index("end", 2**31), index("steps:1", 1)),
        put("Slice", pitches, index("last", -1), index("end", 2**31), index("steps:1", 1)),
        axis=1,
    )
    halves = put("Concat", *(put("Unsqueeze", part, index("apart", 2, 3)) for part in (pitches, following)), axis=2)
    times = whole("times", *range(1 - _STEP_SAMPLES, _STEP_SAMPLES, 2), shape=(1, 1, 2, _STEP_SAMPLES // 2, 1))
    doubled = put("Unsqueeze", put("Mul", centres, whole("two", 2)), index("apart", 2, 3))
    phases = put("Reshape", put("Add", put("Mul", halves, times), doubled), index("together", 1, -1, 9))
    # within half a turn around zero, where floats are most precise
    around = put("Sub", put("Mod", phases, whole("turn:2", 2 * turn)), whole("half", turn))
    radians = edit.constant("phase:radians", np.array(-np.pi / turn, np.float32))
    value = put("Mul", put("Cast", around, to=TensorProto.FLOAT), radians)
    edit.put(sine, "Sin", [value], sine.output)
    edit.finish()


def _snake_without_sine(edit: Edit, sine: NodeProto) -> None:
    """Compute `sin(alpha x)^2` by range reduction and a polynomial: six fused multiply-adds instead of a library call."""
    squares = edit.consumers(sine.output[0])
    if len(squares) != 1 or squares[0].op_type != "Pow":
        return
    scaled = edit.producer(sine.input[0])
    alpha, x = sorted(scaled.input, key=edit.is_constant, reverse=True)
    name = sine.output[0]
    step = 0

    def put(kind: str, *inputs: str) -> str:
        nonlocal step
        step += 1
        return edit.put(squares[0], kind, inputs, [f"{name}:{step}"])

    turns = put("Mul", x, edit.constant(f"{name}:turns", (edit.array(alpha) / np.pi).astype(np.float32)))
    rest = put("Sub", turns, put("Round", turns))
    square = put("Mul", rest, rest)
    lowest, *higher = (edit.constant(f"sine:{power}", np.array(c, np.float32)) for power, c in enumerate(_SINE_SQUARED))
    value = put("Mul", square, higher[-1])
    for coefficient in reversed(higher[:-1]):
        value = put("Mul", put("Add", value, coefficient), square)
    edit.put(squares[0], "Add", [value, lowest], squares[0].output)


def _sine_squared(degree: int) -> NDArray[np.float64]:
    """Return the coefficients of `sin(pi r)^2` in `r^2`, for r in [-1/2, 1/2]; degree 5 is exact to 4e-7."""
    polynomial = np.polynomial.Chebyshev.interpolate(lambda s: np.sin(np.pi * np.sqrt(np.abs(s))) ** 2, degree, [0, 0.25])
    return np.asarray(polynomial.convert(kind=np.polynomial.Polynomial).coef)


_SINE_SQUARED = _sine_squared(5)


def _stft_as_convolution(edit: Edit, stft: NodeProto) -> None:
    """Replace the short-time Fourier transform (20 samples, hop 5) by a convolution with its basis.

    The lowest and the highest bin of a real signal have no imaginary part, so a negative real part has the phase +pi. Runtimes
    leave a rounding error there, whose sign then selects +pi or -pi: mostly +pi in ONNX Runtime, while OpenVINO's signs removed
    a third of the energy. Exact zeros always give +pi.
    """
    signal, step, window = stft.input[:3]
    shape = edit.array(window)
    phase = 2 * np.pi * np.outer(np.arange(len(shape) // 2 + 1), np.arange(len(shape))) / len(shape)
    basis = [np.cos(phase) * shape, -np.sin(phase) * shape]
    basis[1][[0, -1]] = 0
    # the computation of the phase divides by the real part
    never_zero = edit.constant("stft:never_zero", np.full(len(phase), 1e-12, np.float32))
    channel = edit.put(stft, "Unsqueeze", [signal, edit.constant("stft:axis", np.array([1]))], ["stft:signal"])
    (transpose,) = edit.consumers(stft.output[0])
    for gather in edit.consumers(transpose.output[0]):
        part = int(edit.array(gather.input[1]))
        kernel = edit.constant(f"stft:{part}", basis[part][:, np.newaxis].astype(np.float32))
        inputs = [channel, kernel, *([never_zero] if part == 0 else [])]
        edit.put(stft, "Conv", inputs, gather.output, strides=[int(edit.array(step))], kernel_shape=[len(shape)])
        for test in edit.consumers(gather.output[0]):
            if test.op_type == "Greater":
                edit.put(test, "GreaterOrEqual", test.input, test.output)


def _upsampling_as_convolution(edit: Edit, node: NodeProto) -> None:
    """Replace a transposed convolution with kernel 2 s and stride s by a plain convolution with 3 taps for each of s phases."""
    x, weight_name, bias = node.input
    weight = edit.array(weight_name)
    inputs, outputs, taps = weight.shape
    stride = _attributes(node)["strides"][0]
    padding = _attributes(node)["pads"][0]
    kernel = np.zeros((outputs, stride, inputs, 3), np.float32)
    for phase in range(stride):
        for tap in range(3):
            position = phase + padding - stride * (tap - 1)
            if 0 <= position < taps:
                kernel[:, phase, :, tap] = weight[:, :, position].T
    name = node.output[0]
    weights = edit.constant(f"{name}:kernel", kernel.reshape(outputs * stride, inputs, 3))
    biases = edit.constant(f"{name}:bias", np.repeat(edit.array(bias), stride))
    phases = edit.put(node, "Conv", [x, weights, biases], [f"{name}:phases"], kernel_shape=[3], pads=[1, 1])
    apart = edit.constant(f"{name}:apart", np.array([1, outputs, stride, -1]))
    together = edit.constant(f"{name}:together", np.array([1, outputs, -1]))
    split = edit.put(node, "Reshape", [phases, apart], [f"{name}:split"])
    turned = edit.put(node, "Transpose", [split], [f"{name}:turned"], perm=[0, 1, 3, 2])
    edit.put(node, "Reshape", [turned, together], [name])


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _float_input(edit: Edit, node: NodeProto) -> str:
    return str(edit.producer(node.input[0]).input[0])


def _bias_and_end(edit: Edit, convolution: NodeProto) -> tuple[list[str], NodeProto]:
    """Return the float bias that the following `Add` derives from, if any, and the `Mul` that ends the integer chain."""
    following = edit.next(convolution)
    if following.op_type == "Cast":
        return [], edit.next(following)
    source = edit.producer(next(name for name in following.input if name != convolution.output[0]))
    while source.op_type != "Div":
        source = edit.producer(source.input[0])
    return [source.input[0]], edit.next(edit.next(following))


def _scale(edit: Edit, end: NodeProto) -> str:
    """Return the weights' own scale: the constant that is multiplied with the input's scale."""
    product = next(edit.producer(name) for name in end.input if edit.producer(name).op_type == "Mul")
    return str(next(name for name in product.input if edit.is_constant(name)))


def _weight(edit: Edit, node: NodeProto, scale: str) -> str:
    weight, zero = edit.array(node.input[1]).astype(np.float32), edit.array(node.input[3]).astype(np.float32)
    return edit.constant(f"{node.input[1]}:expanded", (weight - zero) * edit.array(scale).astype(np.float32))


def _gates(edit: Edit, name: str, scale: str, zero: str) -> str:
    """Expand an LSTM's weights, with one scale per direction or column; the integer operator stores them transposed."""
    weight = edit.array(name).astype(np.float32)
    factor, offset = edit.array(scale).astype(np.float32), edit.array(zero).astype(np.float32)
    shape = (-1, 1, 1) if factor.size == len(weight) else (len(weight), 1, -1)
    expanded = (weight - offset.reshape(shape)) * factor.reshape(shape)
    return edit.constant(f"{name}:expanded", expanded.transpose(0, 2, 1))
