"""Spoken conversations on the whole platform, with an engine, the recogniser and a language model's server; and their guide."""

import asyncio
import json
import os
import re
import subprocess
import sys
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import soxr

from echo_synthesis.engine import Speech
from tests.support.models import Recogniser, plain
from tests.support.openai_server import say
from tests.support.person import PASSWORD, Person, data
from tests.support.platform import FORMS, TONE, Platform, require_form, started
from tests.support.provider import Provider
from tests.support.requirements import Require
from tests.support.selection import select_params

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/talk-with-an-echo.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
REPLY = (
    "The weather in the mountains ",
    "is beautiful today. ",
    "Take a coat with you, ",
    "because it gets cold in the evening.",
)
QUESTION = "What will the weather be like tomorrow?"
RATE = 16_000


@dataclass
class TalkingPlatform:
    """A platform whose echos can talk, and the server of their language model."""

    platform: Platform
    model: Provider


@pytest.fixture(scope="module", params=select_params("embedded", among=FORMS))
def talking(
    request: pytest.FixtureRequest, require: Require, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TalkingPlatform]:
    folder = tmp_path_factory.mktemp(f"talk-{request.param}")
    require_form(request.param, require, folder)
    with Provider(say(*REPLY)).serving() as model:
        settings = {
            "ECHO_SYNTHESIS_ENGINES": "piper",
            "ECHO_SYNTHESIS_DEFAULT_VOICE": "piper_joe",
            "ECHO_VOICE_PROVIDERS": TONE["ECHO_VOICE_PROVIDERS"],
            "ECHO_VOICE_CHAT_URL": f"{model.url}/v1",
            "ECHO_VOICE_CHAT_MODEL": "test",
        }
        with started(request.param, folder, settings=settings) as platform:
            yield TalkingPlatform(platform, model)


def microphone(path: Path) -> bytes:
    """Return a recording as the microphone sends it."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(-1), "<i2").astype(np.float32) / 32_768
        heard = soxr.resample(samples, file.getframerate(), RATE)
    return bytes(np.rint(np.clip(heard, -1, 1) * 32_767).astype("<i2"))


async def converse(socket: aiohttp.ClientWebSocketResponse, question: bytes) -> tuple[list[dict[str, Any]], bytes]:
    """Ask a question and return the frames and the audio of the reply."""
    frames: list[dict[str, Any]] = []
    audio = b""

    async def receive() -> None:
        nonlocal audio
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                audio += message.data
                continue
            frames.append(message.json())
            if frames[-1]["type"] in {"reply_ended", "error"}:
                return

    receiving = asyncio.create_task(receive())
    sent = 0
    while not receiving.done():
        await socket.send_bytes(question[sent : sent + 640].ljust(640, b"\0"))
        sent += 640
        await asyncio.sleep(0.02)
    await receiving
    return frames, audio


async def test_a_spoken_question_is_answered_in_speech_that_a_recogniser_understands(
    talking: TalkingPlatform, recogniser: Recogniser, tmp_path: Path
) -> None:
    async with Person.at(talking.platform.url) as ada:
        await ada.register()
        spoken = await ada.speak(QUESTION, "piper_joe", output_format="wav")
        (tmp_path / "question.wav").write_bytes((await ada.audio(spoken)).content)
        echo = data(await ada.http.post("/echos", json={"name": "Grace", "voice_id": "piper_joe", "language": "en-US"}), 201)
        path = f"{talking.platform.url}/api/v1/echos/{echo['id']}/talk"
        headers = {"Authorization": ada.http.headers["Authorization"]}
        async with aiohttp.ClientSession() as session, session.ws_connect(path, headers=headers) as socket:
            await socket.send_json({"type": "start", "input": "pcm_16000", "output": "pcm_24000"})
            frames, audio = await converse(socket, microphone(tmp_path / "question.wav"))
            await socket.send_json({"type": "played", "reply": 1, "seconds": frames[-1]["duration"]})
            await socket.send_json({"type": "end"})
            assert (await socket.receive()).data == 1000
        history = data(await ada.http.get(f"/echos/{echo['id']}/messages"))

    final = next(frame["text"] for frame in frames if frame["type"] == "transcript" and frame["kind"] == "final")
    assert {"what", "tomorrow"} <= {plain(word) for word in final.split()}
    assert json.loads(talking.model.asked[-1].body)["messages"][-1]["content"] == final
    assert (frames[-1]["type"], frames[-1]["speech_error"]) == ("reply_ended", None)
    assert [message["text"] for message in history] == ["".join(REPLY), final]
    samples = np.frombuffer(audio, "<i2").astype(np.float32) / np.float32(32_768)
    assert len(samples) / 24_000 == pytest.approx(frames[-1]["duration"], abs=0.01)
    words = [plain(word) for word in recogniser.transcribe(Speech(samples, 24_000, (), "model")).split()]
    assert words[:7] == [plain(word) for word in ["The", "weather", "in", "the", "mountains", "is", "beautiful"]]


async def test_a_logged_out_user_is_disconnected(talking: TalkingPlatform) -> None:
    async with Person.at(talking.platform.url) as ada:
        await ada.register()
        echo = data(await ada.http.post("/echos", json={"name": "Grace"}), 201)
        path = f"{talking.platform.url}/api/v1/echos/{echo['id']}/talk"
        headers = {"Authorization": ada.http.headers["Authorization"]}
        async with aiohttp.ClientSession() as session, session.ws_connect(path, headers=headers) as socket:
            await socket.send_json({"type": "start"})
            assert (await socket.receive_json())["type"] == "ready"
            data(await ada.http.delete("/auth/sessions"))
            async with asyncio.timeout(30):
                closed = await socket.receive()
        assert closed.data == 1008


async def test_oversized_and_malformed_frames_close_the_connection(talking: TalkingPlatform) -> None:
    async with Person.at(talking.platform.url) as ada:
        await ada.register()
        echo = data(await ada.http.post("/echos", json={"name": "Grace"}), 201)
        path = f"{talking.platform.url}/api/v1/echos/{echo['id']}/talk"
        headers = {"Authorization": ada.http.headers["Authorization"]}
        async with aiohttp.ClientSession() as session:
            for frame, code in [("x" * 70_000, 1009), ("{", 1008)]:
                async with session.ws_connect(path, headers=headers) as socket:
                    await socket.send_json({"type": "start"})
                    assert (await socket.receive_json())["type"] == "ready"
                    await socket.send_str(frame)
                    while (message := await socket.receive(timeout=20)).type is aiohttp.WSMsgType.TEXT:
                        assert message.json()["type"] == "error"
                assert socket.close_code == code


@pytest.mark.parametrize("talking", select_params("embedded", among=FORMS), indirect=True)
def test_the_commands_of_the_guide_run_in_order(talking: TalkingPlatform, recogniser: Recogniser, tmp_path: Path) -> None:
    script = "\n".join(BLOCKS[1:])
    local_form = {
        ".venv/bin/echoctl": f"{sys.executable} -m echo_embedded",
        "http://localhost:8080": talking.platform.url,
        "ada@example.com": f"{talking.platform.form}@example.com",
        "correct horse battery": PASSWORD,
    }
    for command, substitute in local_form.items():
        assert command in script
        script = script.replace(command, substitute)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Grace: Welcome aboard!" in done.stdout
    assert re.search(r"You: .*tomorrow.*\n(.*\n)?Grace: The weather in the mountains is beautiful today\.", done.stdout), (
        done.stdout
    )
    with wave.open(str(tmp_path / "reply.wav")) as file:
        samples = np.frombuffer(file.readframes(-1), "<i2").astype(np.float32) / np.float32(32_768)
        heard = recogniser.transcribe(Speech(samples, file.getframerate(), (), "model"))
    assert {"mountains", "beautiful", "evening"} <= {plain(word) for word in heard.split()}
