"""Add the durations to the outputs of Piper's model: `python -m echo_synthesis.engines.piper.prepare SOURCE TARGET`."""

import sys
from pathlib import Path

import onnx


def with_durations(path: Path) -> bytes | None:
    """Return the model with the durations of its input ids as an output, in hops; None if they cannot be found."""
    model = onnx.load(path)
    # the graph's only `Ceil` rounds the durations
    outputs = [node.output[0] for node in model.graph.node if node.op_type == "Ceil"]
    if len(outputs) != 1:
        return None
    model.graph.output.append(onnx.helper.make_tensor_value_info(outputs[0], onnx.TensorProto.FLOAT, None))
    return bytes(model.SerializeToString())


def main(source: Path, target: Path) -> None:
    """Write the model with its durations as an output."""
    modified = with_durations(source)
    if modified is None:
        raise ValueError(f"{source.name} has no durations")
    temporary = target.with_suffix(".tmp")
    temporary.write_bytes(modified)
    temporary.replace(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
