"""Makes Kokoro's models from the published one: `python -m echo_synthesis.engines.kokoro.prepare PARTS… HOME`.

A process of its own, for the memory it takes: about 1 GB. Prints what it does, a line each.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

import onnx

from echo_synthesis.engines.kokoro import FLOAT_MODEL, INT8_MODEL
from echo_synthesis.engines.kokoro.backend import choose
from echo_synthesis.engines.kokoro.graph import add_durations, count_phase, even_out, expand_weights, speed_up

PUBLISHED = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"


def main(parts: list[Path], home: Path) -> int:
    """Write both models, then measure which backend is quickest."""
    if not (home / INT8_MODEL).exists() or not (home / FLOAT_MODEL).exists():
        _say("Kokoro: joining the model's parts")
        published = b"".join(part.read_bytes() for part in parts)
        if hashlib.sha256(published).hexdigest() != PUBLISHED:
            _say("the model's parts are not the ones expected")
            return 1
        model = onnx.load_from_string(published)
        add_durations(model)
        _save(model, home / INT8_MODEL)
        _say("Kokoro: expanding the weights")
        expand_weights(model)
        speed_up(model)
        count_phase(model)
        even_out(model)
        _save(model, home / FLOAT_MODEL)
        _forget_earlier(home)
    _say("Kokoro: measuring which backend is quickest here")
    choice = choose(home, threads=min(2, len(os.sched_getaffinity(0))))
    _say(f"Kokoro: {choice['backend']}")
    return 0


def _save(model: onnx.ModelProto, path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    onnx.save(model, temporary)
    temporary.replace(path)


def _forget_earlier(home: Path) -> None:
    """What another version of this has made."""
    for model in home.glob("model-float32-*.onnx"):
        if model.name != FLOAT_MODEL:
            model.unlink()
    shutil.rmtree(home / "compiled", ignore_errors=True)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    *parts, home = map(Path, sys.argv[1:])
    sys.exit(main(parts, home))
