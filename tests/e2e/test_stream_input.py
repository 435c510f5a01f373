"""Speech of a text that is still being written, through the gateway."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.support.person import Person, data
from tests.support.platform import Platform

PATH = "/api/v1/tts/stream-input"
TEXT = "One two three. Four five six seven! Eight nine."
PCM = {"output_format": "pcm", "sample_rate": 16_000}


@asynccontextmanager
async def joined(platform: Platform, query: str = "", **headers: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession(platform.url) as session,
        session.ws_connect(PATH + query, headers=headers) as socket,
    ):
        yield socket


async def heard(socket: aiohttp.ClientWebSocketResponse) -> tuple[list[dict[str, Any]], bytes]:
    """Return the frames and the bytes up to the end of the connection."""
    frames, audio = [], b""
    while (message := await socket.receive(timeout=20)).type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
        if message.type is aiohttp.WSMsgType.BINARY:
            audio += message.data
        else:
            frames.append(json.loads(message.data))
    return frames, audio


async def write(socket: aiohttp.ClientWebSocketResponse, *frames: dict[str, Any]) -> None:
    for frame in frames:
        await socket.send_str(json.dumps(frame))


async def test_text_is_spoken_while_it_is_written(ada: Person, platform: Platform) -> None:
    async with joined(platform, Authorization=ada.http.headers["Authorization"]) as socket:
        await write(socket, {"type": "start", "voice_id": "tone_low", "config": PCM, "latency": "low"})
        for letter in TEXT:
            await write(socket, {"type": "text", "text": letter})
        await write(socket, {"type": "end"})
        frames, audio = await heard(socket)
    assert (frames[0]["type"], frames[-1]["type"]) == ("started", "done")
    assert len(audio) / 32_000 == pytest.approx(frames[-1]["duration"], abs=0.01)
    stored = await ada.speak(TEXT)
    words = [word for frame in frames if frame["type"] == "audio" for word in frame["word_timestamps"]]
    assert words == stored["word_timestamps"]
    assert socket.close_code == 1000


async def test_a_ticket_replaces_the_token(ada: Person, platform: Platform) -> None:
    issued = data(await ada.http.post("/tts/synthesize/stream/ticket"))
    async with joined(platform, f"?ticket={issued['ticket']}") as socket:
        await write(socket, {"type": "start", "voice_id": "tone_low"}, {"type": "text", "text": "Hello."}, {"type": "end"})
        frames, audio = await heard(socket)
    assert frames[-1]["type"] == "done"
    assert audio.startswith(b"RIFF")


async def test_oversized_and_malformed_frames_close_the_connection(ada: Person, platform: Platform) -> None:
    for frame, code in [("a" * 70_000, 1009), ("{", 1008)]:
        async with joined(platform, Authorization=ada.http.headers["Authorization"]) as socket:
            await write(socket, {"type": "start", "voice_id": "tone_low"})
            await socket.send_str(frame)
            await heard(socket)
        assert socket.close_code == code


async def test_the_end_of_the_session_closes_its_streams(platform: Platform, eve: Person) -> None:
    async with joined(platform, Authorization=eve.http.headers["Authorization"]) as socket:
        await write(socket, {"type": "start", "voice_id": "tone_low"})
        await socket.receive_str()
        (await eve.http.post("/auth/logout")).raise_for_status()
        await heard(socket)
    assert socket.close_code == 1008
