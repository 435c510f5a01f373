"""The process of a local language model, without a model."""

from pathlib import Path

import pytest

from echo_voice.chat_models.local.process import ModelOptions, ModelProcess


async def test_an_unexpected_failure_of_a_start_does_not_prevent_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    process = ModelProcess(ModelOptions(Path("model.gguf"), 1, 512, {}))
    failures = [ValueError()]

    async def start() -> None:
        if failures:
            raise failures.pop()

    monkeypatch.setattr(process, "_start", start)
    with pytest.raises(ValueError):  # noqa: PT011 - has no message
        await process.start()
    await process.start()
