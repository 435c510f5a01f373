"""Add the durations to the outputs of Piper's model: `python -m echo_synthesis.engines.piper.prepare SOURCE TARGET`."""

import sys
from pathlib import Path

import onnx


def main(source: Path, target: Path) -> None:
    """Write the model with its durations as an output."""
    model = onnx.load(source)
    # the graph's only `Ceil` rounds the durations, in hops of 256 samples per input ID
    (durations,) = (node.output[0] for node in model.graph.node if node.op_type == "Ceil")
    model.graph.output.append(onnx.helper.make_tensor_value_info(durations, onnx.TensorProto.FLOAT, None))
    temporary = target.with_suffix(".tmp")
    onnx.save(model, temporary)
    temporary.replace(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
