"""Preparation of Kokoro's models from the published model: `python -m echo_synthesis.engines.kokoro.prepare PARTS… HOME`.

A separate process, because it needs about 1 GB of memory. It prints its progress, one line per step.
"""

import hashlib
import shutil
import sys
from pathlib import Path

import onnx

from echo_common.processors import usable_processors
from echo_synthesis.engines.kokoro import FLOAT_MODEL, INT8_MODEL
from echo_synthesis.engines.kokoro.backend import NoCorrectBackendError, choose
from echo_synthesis.engines.kokoro.choice import Trial
from echo_synthesis.engines.kokoro.graph import (
    add_adaptation,
    add_durations,
    expand_weights,
    pad_to_multiple,
    speed_up,
    use_integer_phase,
)
from echo_synthesis.engines.kokoro.runtimes import Opener
from echo_synthesis.engines.kokoro.trial import try_backend

PUBLISHED = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"


def main(parts: list[Path], home: Path) -> int:
    """Write both models, then measure the correctness and speed of the backends; return the exit status."""
    if (not (home / INT8_MODEL).exists() or not (home / FLOAT_MODEL).exists()) and not _make_models(parts, home):
        _say("the model's parts are not the ones expected")
        return 1
    _remove_earlier(home)
    _say("Kokoro: measuring the backends")
    choice = choose(home, threads=min(2, usable_processors()), attempt=_measure)
    if not choice.ranking:
        _say(str(NoCorrectBackendError({trial.backend: trial.problem or "" for trial in choice.trials})))
        return 1
    _say(f"Kokoro: {choice.ranking[0]}")
    return 0


def _make_models(parts: list[Path], home: Path) -> bool:
    """Write both models if the parts are those of the published model; return whether they are."""
    _say("Kokoro: joining the model's parts")
    published = b"".join(part.read_bytes() for part in parts)
    if hashlib.sha256(published).hexdigest() != PUBLISHED:
        return False
    model = onnx.load_from_string(published)
    add_durations(model)
    add_adaptation(model)
    _save(model, home / INT8_MODEL)
    _say("Kokoro: expanding the weights")
    expand_weights(model)
    speed_up(model)
    use_integer_phase(model)
    pad_to_multiple(model)
    _save(model, home / FLOAT_MODEL)
    shutil.rmtree(home / "compiled", ignore_errors=True)
    return True


def _measure(name: str, opener: Opener, home: Path, threads: int) -> Trial:
    _say(f"Kokoro: measuring {name}")
    return try_backend(name, opener, home, threads)


def _save(model: onnx.ModelProto, path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    onnx.save(model, temporary)
    temporary.replace(path)


def _remove_earlier(home: Path) -> None:
    """Remove files of earlier versions: models, measurements without correctness, compiled models without a folder."""
    outdated = [*home.glob("model-*.onnx"), home / "backend.json", *home.glob("compiled/*.blob")]
    for file in outdated:
        if file.name not in (INT8_MODEL, FLOAT_MODEL):
            file.unlink(missing_ok=True)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    *parts, home = map(Path, sys.argv[1:])
    sys.exit(main(parts, home))
