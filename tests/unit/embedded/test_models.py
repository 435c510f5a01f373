"""Tests of `echoctl models`: the backend table and the language model."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from echo_embedded.data_folder import CannotStartError
from echo_embedded.models import backends_table, chat_model_line, fetch_chat_model, wants_chat_model
from echo_synthesis.engines.kokoro import folder
from echo_synthesis.engines.kokoro.choice import Choice, Trial, write_choice
from echo_synthesis.engines.kokoro.machine import machine
from tests.support.provider import Provider


def test_backends_are_shown_with_figures_and_rejection_reasons(tmp_path: Path) -> None:
    folder(tmp_path).mkdir()
    figures = {"level": 0.9, "length": 0.004, "tokens": 0.07, "spectrum": 3.51}
    trials = [Trial("openvino-bf16", "it is silent"), Trial("onnxruntime-int8", None, 0.81, figures)]
    write_choice(folder(tmp_path), Choice(machine(), trials))
    table = backends_table(tmp_path)
    assert table is not None
    console = Console(width=160, record=False)
    with console.capture() as said:
        console.print(table)
    lines = said.get().splitlines()
    assert any("openvino-bf16" in line and "not used: it is silent" in line for line in lines)
    assert any(all(part in line for part in ("onnxruntime-int8", "selected", "0.81", "3.51", "0.004")) for line in lines)


def test_nothing_is_shown_without_measurements(tmp_path: Path) -> None:
    assert backends_table(tmp_path) is None


CONTENT = b"GGUF" + bytes(10_000)


@pytest.fixture
def served_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A server with a language model, and the settings that select it."""
    with Provider(lambda reply: reply.whole(CONTENT)).serving() as provider:
        monkeypatch.setenv("ECHO_VOICE_CHAT_GGUF_URL", f"{provider.url}/tiny.gguf")
        monkeypatch.setenv("ECHO_VOICE_CHAT_GGUF_SHA256", hashlib.sha256(CONTENT).hexdigest())
        yield provider


def test_a_language_model_is_fetched_with_a_progress_bar(served_model: Provider, tmp_path: Path) -> None:
    console = Console(width=120)
    with console.capture() as printed:
        fetch_chat_model(tmp_path, console, required=True)
    assert (tmp_path / "chat" / "tiny.gguf").read_bytes() == CONTENT
    assert "100%" in printed.get()
    assert "tiny.gguf" in printed.get()


def test_only_a_required_language_model_that_is_not_available_is_an_error(served_model: Provider, tmp_path: Path) -> None:
    served_model.usually = lambda reply: reply.whole(b"no", status=404)
    console = Console(width=200)
    with pytest.raises(CannotStartError, match="404"):
        fetch_chat_model(tmp_path, console, required=True)
    with console.capture() as printed:
        fetch_chat_model(tmp_path, console, required=False)
    assert "Echos have no language model on this machine" in printed.get()


@pytest.mark.parametrize(
    ("installed", "selected", "wanted"),
    [(True, "", True), (True, "local", True), (True, "gemini", False), (False, "", False), (False, "local", False)],
)
def test_the_language_model_is_fetched_by_itself_only_with_its_library(
    monkeypatch: pytest.MonkeyPatch, installed: bool, selected: str, wanted: bool
) -> None:
    monkeypatch.setattr("echo_voice.chat_models.local.installed", lambda: installed)
    monkeypatch.setenv("ECHO_VOICE_CHAT", selected)
    assert wants_chat_model() is wanted


def test_the_status_shows_the_language_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_VOICE_CHAT", "gemini")
    monkeypatch.delenv("ECHO_VOICE_CHAT_KEY", raising=False)
    line = chat_model_line(tmp_path)
    assert line == "Language model of echos: gemini:gemini-3.8-flash (lacks a key: set ECHO_VOICE_CHAT_KEY)"
