"""Models are downloaded completely or not at all, and only once."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from echo_synthesis.engine import ModelsError
from echo_synthesis.engines.kokoro import files
from echo_synthesis.models import fetch, missing

VOICES = {"af_heart": b"heart" * 100, "bm_george": b"george" * 100}
ON_HUB = "onnx-community/Kokoro-82M-v1.0-ONNX/resolve/main/voices"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def hub(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def without_npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(files, "DIGESTS", {name: hashlib.sha256(data).hexdigest() for name, data in VOICES.items()})
    folder = tmp_path / "hub" / ON_HUB
    folder.mkdir(parents=True)
    for name, data in VOICES.items():
        (folder / f"{name}.bin").write_bytes(data)
    return tmp_path / "hub"


def test_voices_come_from_the_hub_without_npm(without_npm: Path, tmp_path: Path) -> None:
    heard: list[float] = []
    with hub(without_npm) as url:
        files._fetch_voices(tmp_path / "voices", url, lambda what, done: heard.append(done))
    assert {path.stem: path.read_bytes() for path in (tmp_path / "voices").iterdir()} == VOICES
    assert heard == sorted(heard)
    # what is there is not asked for again: no hub is needed
    files._fetch_voices(tmp_path / "voices", "http://127.0.0.1:1", lambda what, done: None)


def test_interrupted_downloads_resume_per_file(without_npm: Path, tmp_path: Path) -> None:
    (without_npm / ON_HUB / "bm_george.bin").unlink()
    with hub(without_npm) as url:
        with pytest.raises(ModelsError, match="bm_george is available neither"):
            files._fetch_voices(tmp_path / "voices", url, lambda what, done: None)
        assert [path.name for path in (tmp_path / "voices").iterdir()] == ["af_heart.bin"]
        (without_npm / ON_HUB / "af_heart.bin").unlink()
        (without_npm / ON_HUB / "bm_george.bin").write_bytes(VOICES["bm_george"])
        files._fetch_voices(tmp_path / "voices", url, lambda what, done: None)
    assert len(list((tmp_path / "voices").iterdir())) == 2


def test_unexpected_voice_files_are_refused(without_npm: Path, tmp_path: Path) -> None:
    (without_npm / ON_HUB / "af_heart.bin").write_bytes(b"somebody else")
    with hub(without_npm) as url, pytest.raises(ModelsError, match="does not have the expected content"):
        files._fetch_voices(tmp_path / "voices", url, lambda what, done: None)
    assert list((tmp_path / "voices").iterdir()) == []


def test_unavailable_engines_do_not_block_other_models(without_npm: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelsError, match="Kokoro's voice"):
        fetch(tmp_path / "models", lambda what, done: None, engines=["kokoro", "piper"], hub="http://127.0.0.1:1")
    assert "kokoro" in missing(tmp_path / "models")
    assert "piper" not in missing(tmp_path / "models")


def test_unwritable_folders_are_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelsError, match="cannot be written"):
        fetch(tmp_path / "file" / "models", lambda what, done: None, engines=["piper"])
