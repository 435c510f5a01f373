"""Piper voices for tests: models with the inputs and outputs of Piper's that hum each sound for a fixed time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.numpy_helper import from_array

_HOP = 256
_HOPS_PER_ID = 4.0
_SYMBOLS = [
    *"_^$ abcdefghijklmnopqrstuvwxyz",
    *"ɐɑɒɔɕəɛɜɡɣɤɨɪɫɯɲŋɔøœɾʁʃʈʊʋʌʎʏʒʔβðθχçʷʰ",
    *"ˈˌː.,?!;:-'",
    *"1234567",
    "\u0303",
    "\u0329",
]


def write_voice(
    folder: Path,
    name: str,
    language: str | None = "de_DE",
    *,
    espeak_voice: str = "de",
    rate: int = 22_050,
    speakers: Mapping[str, int] | None = None,
    durations: bool = True,
    **changes: Any,
) -> Path:
    """Write `NAME.onnx` and its description, changed by `changes`; return the model's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    onnx.save(_model(several=bool(speakers), durations=durations), path)
    config = {
        "audio": {"sample_rate": rate},
        "espeak": {"voice": espeak_voice},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": {symbol: [number] for number, symbol in enumerate(dict.fromkeys(_SYMBOLS))},
        "num_speakers": max(1, len(speakers or {})),
        "speaker_id_map": speakers or {},
        **({"language": {"code": language}} if language else {}),
        **changes,
    }
    path.with_name(f"{path.name}.json").write_text(json.dumps(config))
    return path


def _model(*, several: bool, durations: bool) -> onnx.ModelProto:
    def number(name: str, value: object, kind: type[np.generic]) -> onnx.TensorProto:
        return from_array(np.array(value, kind), name)

    constants = [
        number("nothing", 0.0, np.float32),
        number("hops", _HOPS_PER_ID, np.float32),
        number("hop", _HOP, np.float32),
        number("second", [1], np.int64),
        number("zero", 0, np.int64),
        number("one", 1, np.int64),
        number("step", 0.1, np.float32),
    ]
    nodes = [
        helper.make_node("Cast", ["input"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "nothing"], ["zeros"]),
        helper.make_node("Gather", ["scales", "second"], ["length"]),
        helper.make_node("Mul", ["length", "hops"], ["scaled"]),
        helper.make_node("Add", ["zeros", "scaled"], ["raw"]),
        helper.make_node("Ceil" if durations else "Round", ["raw"], ["widths"]),
        helper.make_node("ReduceSum", ["widths"], ["total"], keepdims=0),
        helper.make_node("Mul", ["total", "hop"], ["length_in_samples"]),
        helper.make_node("Cast", ["length_in_samples"], ["count"], to=TensorProto.INT64),
        helper.make_node("Range", ["zero", "count", "one"], ["indices"]),
        helper.make_node("Cast", ["indices"], ["places"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["places", "step"], ["angles"]),
        helper.make_node("Sin", ["angles"], ["output"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, None]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if several:  # speakers differ in their pitch
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
        nodes[-2:-2] = [
            helper.make_node("Add", ["sid", "one"], ["factor"]),
            helper.make_node("Cast", ["factor"], ["pitch"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["places", "pitch"], ["pitched"]),
        ]
        nodes[-2] = helper.make_node("Mul", ["pitched", "step"], ["angles"])
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [None])
    graph = helper.make_graph(nodes, "piper", inputs, [output], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
