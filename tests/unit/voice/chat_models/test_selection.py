"""The settings select the language model; without one, replies are refused."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from echo_common.contracts.errors.chat import ChatModelMissingError
from echo_common.metrics import Metrics
from echo_voice.chat_models import open_chat_model
from echo_voice.chat_models.configured import ConfiguredChatModel
from echo_voice.chat_models.settings import ChatSettings
from tests.support.chat_backends import HELLO, text_of

URL = "http://127.0.0.1:11434/v1"
DIGEST = "ab" * 32


def chosen(models: Path, **settings: object) -> ConfiguredChatModel:
    return open_chat_model(ChatSettings.model_validate(settings), models, Metrics().chat)


async def test_without_a_model_replies_are_refused_with_both_ways_to_get_one(tmp_path: Path) -> None:
    model = chosen(tmp_path)
    assert not model.available
    with pytest.raises(ChatModelMissingError) as refused:
        await text_of(model)
    assert "ECHO_VOICE_CHAT" in refused.value.message
    assert "echoctl models" in refused.value.message
    assert refused.value.retry_after is None


@pytest.mark.parametrize(
    ("settings", "lacks"),
    [
        ({"chat": "gemini"}, "ECHO_VOICE_CHAT_KEY"),
        ({"chat": "gemini", "chat_key": " \n"}, "ECHO_VOICE_CHAT_KEY"),
        ({"chat": "openai", "chat_model": "llama3.2"}, "ECHO_VOICE_CHAT_URL"),
        ({"chat": "openai", "chat_url": URL}, "ECHO_VOICE_CHAT_MODEL"),
        ({"chat_url": URL}, "ECHO_VOICE_CHAT_MODEL"),
        ({"chat": "local"}, "echoctl models"),
    ],
    ids=["gemini, key", "gemini, blank key", "openai, URL", "openai, model", "URL alone", "local, file"],
)
async def test_the_refusal_names_the_missing_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], lacks: str
) -> None:
    monkeypatch.setattr("echo_voice.chat_models.local.installed", lambda: True)
    model = chosen(tmp_path, **settings)
    with pytest.raises(ChatModelMissingError, match=lacks):
        await text_of(model)
    assert not model.available
    assert lacks in model.health()["state"]


@pytest.mark.parametrize("installed", [True, False])
def test_the_local_model_needs_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    monkeypatch.setattr("echo_voice.chat_models.local.installed", lambda: installed)
    file = tmp_path / "chat" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    file.parent.mkdir()
    file.touch()
    model = chosen(tmp_path)
    assert (model.name, model.available) == ("local:SmolLM2-135M-Instruct.Q4_1", installed)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"chat_url": URL, "chat_model": "llama3.2"}, "openai:llama3.2"),
        ({"chat": "gemini", "chat_key": SecretStr("k")}, "gemini:gemini-3.8-flash"),
        ({"chat": "gemini", "chat_key": SecretStr("k"), "chat_model": "gemini-3.8-pro"}, "gemini:gemini-3.8-pro"),
    ],
    ids=["URL alone", "gemini", "gemini, model"],
)
def test_the_settings_select_adapter_and_model(tmp_path: Path, settings: dict[str, object], name: str) -> None:
    model = chosen(tmp_path, **settings)
    assert (model.name, model.available) == (name, True)


def test_a_configured_file_replaces_the_packaged_model(tmp_path: Path) -> None:
    model = chosen(tmp_path, chat_gguf_url="https://example.com/models/Qwen3-4B.gguf?download=1", chat_gguf_sha256=DIGEST)
    assert model.name == "local:Qwen3-4B"


@pytest.mark.parametrize(
    "settings",
    [
        {"chat": "gpt"},
        {"chat_url": "127.0.0.1:11434"},
        {"chat_url": "http://user:secret@127.0.0.1/v1"},
        {"chat_gguf_url": "http://example.com/model.gguf", "chat_gguf_sha256": DIGEST},
        {"chat_gguf_url": "file:///etc/passwd", "chat_gguf_sha256": DIGEST},
        {"chat_gguf_url": "https://example.com/model.gguf"},
        {"chat_gguf_sha256": DIGEST},
        {"chat_gguf_url": "https://example.com/model.gguf", "chat_gguf_sha256": "abc"},
    ],
    ids=["adapter", "no scheme", "credentials", "plain http", "file", "no checksum", "no URL", "short checksum"],
)
def test_invalid_settings_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ChatSettings.model_validate(settings)


def test_empty_variables_are_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("", "_URL", "_MODEL", "_KEY", "_GGUF_URL", "_GGUF_SHA256"):
        monkeypatch.setenv(f"ECHO_VOICE_CHAT{name}", "")
    settings = ChatSettings()
    assert (settings.chat_url, settings.chat_model, settings.key, settings.chat_gguf_url) == (None, None, "", None)


async def test_failures_are_counted_by_code_and_shown_in_the_health(tmp_path: Path) -> None:
    metrics = Metrics()
    model = open_chat_model(ChatSettings(chat="openai"), tmp_path, metrics.chat)
    with pytest.raises(ChatModelMissingError):
        [part async for part in model.reply(HELLO)]
    labels = {"adapter": "openai", "code": "CHAT_MODEL_MISSING"}
    assert metrics.registry.get_sample_value("echo_chat_failures_total", labels) == 1
