"""P13: time to the first audio with `latency: low`, and of text that is still being written."""

import json
import time
from collections.abc import Sequence

import aiohttp

from bench.figure import Figure
from bench.stage import Stage
from bench.texts import long_sentence

_VOICE = "af_heart"
_TIMES = 3
"""Requests of each kind in a round: first phrases differ in length, so that the median of a few says little."""
_PCM = {"output_format": "pcm"}


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Measure a sentence of 15 words with each latency, and the same over a WebSocket from its last character on.

    All sentences begin differently, because the speech cache would have the first phrase otherwise. The order rotates, because each
    request prepares the model for the next. The engines have prepared before, as they do after every start.
    """
    await stage.until_idle()
    seconds: dict[str, list[float]] = {"low": [], "normal": [], "written low": [], "written normal": []}
    names = list(seconds)
    for number in range(_TIMES * rounds):
        sentences = {name: long_sentence(f"latency {number} {name}") for name in names}
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            latency = name.split()[-1]
            if name.startswith("written"):
                seconds[name].append(await _first_byte_written(stage, sentences[name], latency))
            else:
                seconds[name].append((await stage.first_byte(sentences[name], _VOICE, latency=latency))[0])
    return [
        Figure("P13", "Kokoro: first byte of a 15-word sentence, `latency: low`", seconds["low"], "s", at_most=0.3),
        Figure("first byte", "Kokoro: the same, `latency: normal`", seconds["normal"], "s"),
        Figure("first byte", "Kokoro: stream-input, after the sentence's last character, low", seconds["written low"], "s"),
        Figure("first byte", "Kokoro: the same, normal", seconds["written normal"], "s"),
    ]


async def _first_byte_written(stage: Stage, sentence: str, latency: str) -> float:
    """Return the seconds from the last character of a sentence to the first byte of its speech; the rest is received, too.

    Otherwise the engine would still speak it during the next measurement.
    """
    async with stage.session.ws_connect("/api/v1/tts/stream-input") as socket:
        await socket.send_str(json.dumps({"type": "start", "voice_id": _VOICE, "config": _PCM, "latency": latency}))
        await socket.receive_str()
        for word in sentence.split(" "):
            await socket.send_str(json.dumps({"type": "text", "text": f"{word} "}))
        started = time.perf_counter()
        await socket.send_str(json.dumps({"type": "end"}))
        first: float | None = None
        while (message := await socket.receive()).type in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}:
            if first is None and message.type is aiohttp.WSMsgType.BINARY:
                first = time.perf_counter() - started
            elif message.type is aiohttp.WSMsgType.TEXT and json.loads(message.data)["type"] == "done":
                break
        else:
            raise RuntimeError(f"The stream broke off: {message}")
        if first is None:
            raise RuntimeError("The stream has no audio.")
        return first
