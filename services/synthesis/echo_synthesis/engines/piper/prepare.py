"""Adds Piper's durations to its outputs: `python -m echo_synthesis.engines.piper.prepare SOURCE TARGET`."""

import sys
from pathlib import Path

import onnx


def main(source: Path, target: Path) -> None:
    """Write the changed model."""
    model = onnx.load(source)
    # the only rounding up in the graph is that of the durations, in hops of 256 samples for each input id
    (durations,) = (node.output[0] for node in model.graph.node if node.op_type == "Ceil")
    model.graph.output.append(onnx.helper.make_tensor_value_info(durations, onnx.TensorProto.FLOAT, None))
    temporary = target.with_suffix(".tmp")
    onnx.save(model, temporary)
    temporary.replace(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
