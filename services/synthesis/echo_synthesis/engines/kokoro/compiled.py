"""Compile cache: a folder for each backend, precision, model, library version and set of processor flags.

OpenVINO's own cache key ignores the precision: a model compiled for f32 was loaded for bf16 and produced silence.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from echo_synthesis.engines.kokoro.machine import flags

_ROOT = "compiled"
_MANIFEST = "manifest.json"
_LOCK = "lock"


@contextmanager
def compile_cache(home: Path, backend: str, model: Path, build: str) -> Iterator[Path | None]:
    """Yield the cache folder of a backend; damaged and outdated files are removed first.

    The body compiles the model, or loads the compiled model. Afterwards the digests of the files are stored, so that an
    incomplete or changed file is removed at the next start. Yields None where the folder is not writable.

    Args:
        home: Folder of the models.
        backend: Name of the backend.
        model: File to compile.
        build: Library, its version and the precision.
    """
    if not os.access(home, os.W_OK):
        yield None
        return
    root = home / _ROOT
    root.mkdir(exist_ok=True)
    key = hashlib.sha256("\n".join([backend, build, model_digest(model), *flags()]).encode()).hexdigest()[:16]
    folder = root / f"{backend}-{key}"
    if _intact(folder):
        yield folder
        return
    with _locked(root):  # workers start concurrently: one compiles, the others load
        if not _intact(folder):
            _remove_others(root, backend, folder)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        yield folder
        _write(folder / _MANIFEST, {"build": build, "files": {file.name: _described(file) for file in _files(folder)}})


def remove_compiled(home: Path, backend: str) -> bool:
    """Remove the compiled models of a backend and return whether there were any; wait for a process that is compiling."""
    root = home / _ROOT
    if not root.exists() or not os.access(home, os.W_OK):
        return False
    with _locked(root):
        found = list(root.glob(f"{backend}-*"))
        for folder in found:
            shutil.rmtree(folder, ignore_errors=True)
    return bool(found)


def model_digest(model: Path) -> str:
    """Return the SHA-256 of a model, cached next to it until the file changes."""
    remembered = model.with_suffix(".sha256")
    stamp = f"{model.stat().st_size} {model.stat().st_mtime_ns}"
    if remembered.exists() and (stored := remembered.read_text().rpartition(" "))[0] == stamp:
        return stored[2]
    digest = _sha256(model)
    if os.access(model.parent, os.W_OK):
        _write(remembered, f"{stamp} {digest}")
    return digest


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Prevent other processes from compiling and removing."""
    with (root / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_others(root: Path, backend: str, folder: Path) -> None:
    """Remove a backend's files for other models, versions or processors, and `.blob` files of versions without folders."""
    for entry in root.iterdir():
        if entry.is_dir() and entry.name.startswith(f"{backend}-") and entry != folder:
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.suffix == ".blob":
            entry.unlink(missing_ok=True)


def _intact(folder: Path) -> bool:
    try:
        files: Mapping[str, Any] = json.loads((folder / _MANIFEST).read_text())["files"]
        return bool(files) and files == {file.name: _described(file) for file in _files(folder)}
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and file.name != _MANIFEST)


def _described(file: Path) -> Mapping[str, Any]:
    return {"bytes": file.stat().st_size, "sha256": _sha256(file)}


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _write(path: Path, content: Any) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(content if isinstance(content, str) else json.dumps(content, indent=2) + "\n")
    temporary.replace(path)
