"""A server with Fish Audio's API: msgpack in, chunked audio out; models as pages of JSON."""

import io
import json
import threading
import wave
from typing import Any

import numpy as np
import ormsgpack
import soxr

from tests.support.provider import Answer, Asked, Reply, beeps

KNOWN = "802e3bc2b27e49c2995d23ef70e6ac89"


def request_of(asked: Asked) -> dict[str, Any]:
    assert asked.headers["content-type"] == "application/msgpack"
    request: dict[str, Any] = ormsgpack.unpackb(asked.body)
    return request


def audio_of(asked: Asked) -> bytes:
    """A streamed WAV with unknown sizes in its header."""
    request = request_of(asked)
    samples, rate = beeps(request["text"], (request.get("prosody") or {}).get("speed", 1.0))
    wanted = request.get("sample_rate") or 44_100
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, wanted, 0, "NONE", ""))
        writer.writeframes(np.asarray(soxr.resample(samples, rate, wanted), "<i2").tobytes())
    header, pcm = file.getvalue()[:44], file.getvalue()[44:]
    unknown = b"\xff\xff\xff\xff"
    return header[:4] + unknown + header[8:40] + unknown + pcm


def speak(reply: Reply) -> None:
    """Normal response: speech for a known model, or the list of models."""
    if reply.asked.path == "/model":
        reply.whole(json.dumps({"total": 2, "items": [model(KNOWN), model("f" * 32, state="training")]}).encode())
        return
    if request_of(reply.asked)["reference_id"] != KNOWN:
        error(400, "Reference not found")(reply)
        return
    audio = audio_of(reply.asked)
    reply.start("audio/wav")
    for at in range(0, len(audio), 8_192):
        reply.chunk(audio[at : at + 8_192])
    reply.end()


def model(identifier: str, state: str = "trained") -> dict[str, Any]:
    moment = "2026-01-31T10:00:00Z"
    return {
        "_id": identifier,
        "type": "tts",
        "title": "Anna",
        "description": "",
        "cover_image": "",
        "train_mode": "fast",
        "state": state,
        "tags": ["Female", "calm"],
        "samples": [],
        "created_at": moment,
        "updated_at": moment,
        "languages": ["de"],
        "visibility": "private",
        "lock_visibility": False,
        "like_count": 0,
        "mark_count": 0,
        "shared_count": 0,
        "task_count": 0,
        "author": {"_id": "a", "nickname": "me", "avatar": ""},
    }


def cut(reply: Reply) -> None:
    """Half of the audio, then a closed connection."""
    audio = audio_of(reply.asked)
    reply.start("audio/wav")
    reply.chunk(audio[: len(audio) // 2])
    reply.cut()


def empty(reply: Reply) -> None:
    """HTTP 200 with an empty body."""
    reply.start("audio/wav")
    reply.end()


def shortened(reply: Reply) -> None:
    """A clean end long before the end of the text."""
    reply.start("audio/wav")
    reply.chunk(audio_of(reply.asked)[:1_000])
    reply.end()


def not_audio(reply: Reply) -> None:
    reply.whole(b"<html>maintenance</html>", "text/html")


def error(status: int, message: str, **headers: str) -> Answer:
    body = json.dumps({"status": status, "message": message, "reason": None}).encode()
    return lambda reply: reply.whole(body, status=status, **headers)


def throttled(seconds: int = 0) -> Answer:
    return error(429, "Too many concurrent requests", retry_after=str(seconds))


def after(released: threading.Event) -> Answer:
    """Respond only when the test permits it."""

    def wait(reply: Reply) -> None:
        released.wait(30)
        speak(reply)

    return wait
