"""Measurement of the ranges: `python -m echo_synthesis.engines.kokoro.calibration MODELS` writes `ranges.json` again."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from echo_synthesis.engines.kokoro import FLOAT_MODEL
from echo_synthesis.engines.kokoro.correctness import SENTENCES, START, Sentence
from echo_synthesis.engines.kokoro.digests import DIGESTS
from echo_synthesis.engines.kokoro.ranges import RANGES_FILE, SLOW, Ranges
from echo_synthesis.engines.kokoro.runtimes import model_inputs

_PERCENTILE: Final = 0.005
_MARGIN: Final = 1.1
"""Factor of the measured ranges, for voices and texts that were not measured."""


def measure_ranges(home: Path, sentences: Sequence[Sentence]) -> Ranges:
    """Return the ranges of the float model's activations over all sentences, without the extreme 0.005 % at both ends."""
    import onnx
    import onnxruntime

    model = onnx.load(home / FLOAT_MODEL)
    slow = (node for node in model.graph.node if node.op_type == "Conv" and SLOW.search(node.name))
    names = sorted({node.input[0] for node in slow})
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.enable_mem_pattern = False
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ranges = dict.fromkeys(names, (0.0, 0.0))
    for sentence in sentences:
        inputs: Any = model_inputs(sentence.tokens(), sentence.style(home), 1.0)
        for name, values in zip(names, session.run(names, inputs), strict=True):
            low, high = np.percentile(values, [_PERCENTILE, 100 - _PERCENTILE])
            ranges[name] = (min(ranges[name][0], float(low)), max(ranges[name][1], float(high)))
    return ranges


def write_ranges(home: Path) -> None:
    """Measure the ranges over the reference sentences and a sentence of every voice, and store them."""
    # every activation is kept in memory: the longest sentence would need many gigabytes
    spoken = [*SENTENCES[:5], *(Sentence(voice, START.phonemes) for voice in DIGESTS)]
    found = {name: [round(_MARGIN * limit, 3) for limit in limits] for name, limits in measure_ranges(home, spoken).items()}
    RANGES_FILE.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    write_ranges(Path(sys.argv[1]) / "kokoro")
