"""A recogniser understands the speech of the platform, requested with the printed command."""

import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

from echo_synthesis.engine import Speech
from tests.support.models import Models, Recogniser, plain
from tests.support.person import Person
from tests.support.platform import Platform, started

SENTENCE = "The weather in the mountains is beautiful today."


def speech_of(path: Path) -> Speech:
    with wave.open(str(path)) as sound:
        samples = np.frombuffer(sound.readframes(-1), dtype="<i2").astype(np.float32) / np.float32(32_768)
        return Speech(samples, sound.getframerate(), (), "model")


def paste_curl_line(platform: Platform, folder: Path) -> None:
    [line] = [line for line in platform.said.splitlines() if line.startswith("curl ")]
    subprocess.run(["bash", "-c", line], cwd=folder, timeout=120, check=True)


@pytest.mark.full  # the cold start listens to both engines, too
@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine", ["kokoro", "piper"])
async def test_a_recogniser_understands_the_requested_text(
    engine: str, speech_models: Models, recogniser: Recogniser, tmp_path: Path
) -> None:
    settings = {"ECHO_SYNTHESIS_ENGINES": engine, "ECHO_MODELS": str(speech_models(engine))}
    with started("embedded", tmp_path, settings=settings) as platform:
        paste_curl_line(platform, tmp_path)
        async with Person.at(platform.url) as ada:
            await ada.register()
            result = await ada.speak(SENTENCE, voice=None)
            (tmp_path / "sentence.wav").write_bytes((await ada.audio(result)).content)

    assert platform.remains() == []
    greeting = [heard.word for heard in recogniser.recognise(speech_of(tmp_path / "hello.wav"))]
    assert greeting[:3] == ["hello", "this", "is"]
    assert greeting[-5:] == ["speaking", "from", "your", "own", "machine"]
    heard = recogniser.recognise(speech_of(tmp_path / "sentence.wav"))
    assert [word.word for word in heard] == [plain(word) for word in SENTENCE.split()]
    assert result["engine"] == engine
    assert result["alignment"] == "model"
    said = [word["start_time"] for word in result["word_timestamps"]]
    assert float(np.median(np.abs(np.subtract(said, [word.start for word in heard])))) <= 0.12
