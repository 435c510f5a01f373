"""Spoken conversations through the gateway, with a scripted language model: first audio and interruptions."""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from bench.figure import Figure
from bench.stage import Stage, serving
from bench.texts import long_sentence, story
from echo_common.http.server import serving as serving_app

_VOICE = "af_heart"
_RATE = 16_000
_MESSAGE = 640
"""Bytes of 20 ms."""
_WORD_SECONDS = 0.02
"""Time between two words of the model, 50 a second."""
_QUESTION, _INTERRUPTION = "What will the weather be like tomorrow?", "Wait, please tell me about the trains instead."
_SILENCE_SECONDS = 0.6


@dataclass
class _Model:
    """A language model that writes sentences which are new each time, so that no cache helps."""

    replies: int = 0
    first_sentence_at: float = 0.0

    async def complete(self, request: Request) -> StreamingResponse:
        await request.json()
        self.replies += 1
        return StreamingResponse(self._chunks(self.replies), media_type="text/event-stream")

    async def _chunks(self, number: int) -> AsyncIterator[bytes]:
        first = long_sentence(f"talk {number}").split()
        for place, word in enumerate([*first, *story(f"talk on {number}", 4).split()]):
            if place == len(first):  # the next word shows that the sentence has ended
                self.first_sentence_at = time.perf_counter()
            yield _chunk(f"{word} ")
            await asyncio.sleep(_WORD_SECONDS)
        yield _chunk(None, "stop")
        yield b"data: [DONE]\n\n"


@dataclass
class _Client:
    """A client that records the times at which frames arrive."""

    socket: aiohttp.ClientWebSocketResponse
    arrived: dict[str, list[float]] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> None:
        async for message in self.socket:
            kind = "pcm" if message.type is aiohttp.WSMsgType.BINARY else str(json.loads(message.data)["type"])
            self.arrived.setdefault(kind, []).append(time.perf_counter())
            self.news.set()

    async def say(self, sound: bytes, until: str, more: float = 0.0) -> float:
        """Send sound and then silence, as they are recorded, until a frame of a type arrives, and `more` seconds; return its time."""
        known = len(self.arrived.get(until, ()))
        at = time.perf_counter()
        last = at + more
        messages = [sound[start : start + _MESSAGE] for start in range(0, len(sound), _MESSAGE)]
        for number in range(60 * 50):
            await self.socket.send_bytes(messages[number] if number < len(messages) else bytes(_MESSAGE))
            at += 0.02
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            if number >= len(messages) and at >= last and len(self.arrived.get(until, ())) > known:
                break
        return self.arrived[until][known]


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Measure conversations with Kokoro; each round asks, interrupts the reply, and hangs up."""
    model = _Model()
    app = Starlette(routes=[Route("/v1/chat/completions", model.complete, methods=["POST"])])
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="echo-bench-talk-") as data:
        async with serving_app(app, "http://127.0.0.1:0") as url:
            settings = {"ECHO_VOICE_CHAT": "openai", "ECHO_VOICE_CHAT_URL": f"{url}/v1", "ECHO_VOICE_CHAT_MODEL": "scripted"}
            async with serving(Path(data), stage.models, **settings) as talking:
                echo_id = await _create_echo(talking)
                question, interruption = await _record(talking, _QUESTION), await _record(talking, _INTERRUPTION)
                detectable = await _detection(talking, echo_id, interruption)
                for number in range(rounds + 1):  # the first loads the recogniser and the voice
                    values = await _converse(talking, echo_id, model, question, interruption, detectable)
                    for name, value in values.items() if number else ():
                        found.setdefault(name, []).append(value)
    return [
        Figure("talk", "end of the model's first sentence → first audio", found["sentence"], "s"),
        Figure("talk", "detected end of speech → first audio", found["turn"], "s"),
        Figure("talk", f"end of speech → first audio, of which {_SILENCE_SECONDS:g} s are the silence", found["heard"], "s"),
        Figure("talk", "speech detectable → `interrupted`", found["barge_in"], "s", at_most=0.2),
    ]


async def _converse(
    stage: Stage, echo_id: str, model: _Model, question: bytes, interruption: bytes, detectable: float
) -> dict[str, float]:
    async with _connected(stage, echo_id) as client:
        started = time.perf_counter()
        first_audio = await client.say(question, "pcm")
        speech_end = started + _offset(question[::-1], from_end=len(question))
        sentence_end = model.first_sentence_at
        await client.say(b"", "pcm", more=2.5)
        began = time.perf_counter()
        interrupted = await client.say(interruption, "interrupted")
        return {
            "sentence": first_audio - sentence_end,
            "turn": first_audio - client.arrived["speech_ended"][0],
            "heard": first_audio - speech_end,
            "barge_in": max(0.0, interrupted - began - detectable),
        }


async def _detection(stage: Stage, echo_id: str, interruption: bytes) -> float:
    """Return the seconds from the start of a recording to the detection of its speech in silence."""
    async with _connected(stage, echo_id) as client:
        began = time.perf_counter()
        return await client.say(interruption, "speech_started") - began


@asynccontextmanager
async def _connected(stage: Stage, echo_id: str) -> AsyncIterator[_Client]:
    async with stage.session.ws_connect(f"/api/v1/echos/{echo_id}/talk") as socket:
        client = _Client(socket)
        await socket.send_json({"type": "start", "input": f"pcm_{_RATE}", "output": "pcm_24000"})
        receiving = asyncio.create_task(client.receive())
        try:
            await client.say(b"", "ready")
            yield client
            await socket.send_json({"type": "end"})
        finally:
            receiving.cancel()


async def _create_echo(stage: Stage) -> str:
    async with stage.session.post("/api/v1/echos", json={"name": "Weather", "voice_id": _VOICE}) as answer:
        answer.raise_for_status()
        return str((await answer.json())["data"]["id"])


async def _record(stage: Stage, text: str) -> bytes:
    """Return a text spoken by another voice than the echo's, as a microphone records it."""
    config = {"output_format": "pcm", "sample_rate": _RATE}
    body = {"text": text, "voice_id": "am_michael", "config": config}
    async with stage.session.post("/api/v1/tts/synthesize/stream", json=body) as answer:
        answer.raise_for_status()
        return await answer.read()


def _offset(sound: bytes, *, from_end: int) -> float:
    """Return the seconds of a recording up to the end of its sound; `sound` is reversed."""
    values = np.abs(np.frombuffer(sound, ">i2").astype(np.int32))
    return from_end / 2 / _RATE - int((values > 500).argmax()) / _RATE


def _chunk(text: str | None, finish: str | None = None) -> bytes:
    delta: dict[str, Any] = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"
