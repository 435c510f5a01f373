"""A server with the API of Gemini's models for speech and text: server-sent `GenerateContentResponse`s, or a single one."""

import base64
import io
import json
import threading
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np
import soxr

from tests.support.provider import Answer, Asked, Reply, beeps

RATE = 24_000
PCM = f"audio/L16;codec=pcm;rate={RATE}"


def text_of(asked: Asked) -> str:
    """Return the text to speak: the part's text from 3.8 on, the text after the instruction before."""
    text: str = json.loads(asked.body)["contents"][0]["parts"][0]["text"]
    return text if "3.8" in asked.path else text.partition(":\n")[2]


def audio_of(asked: Asked, rate: int = RATE) -> bytes:
    samples, beep_rate = beeps(text_of(asked))
    return np.asarray(soxr.resample(samples, beep_rate, rate), "<i2").tobytes()


def wav(pcm: bytes, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, rate, 0, "NONE", ""))
        writer.writeframes(pcm)
    return file.getvalue()


def response(audio: bytes = b"", mime: str = PCM, finish: str | None = None, tokens: int | None = None) -> dict[str, Any]:
    """One `GenerateContentResponse`."""
    candidate: dict[str, Any] = {"index": 0}
    if audio:
        data = base64.b64encode(audio).decode()
        candidate["content"] = {"role": "model", "parts": [{"inlineData": {"mimeType": mime, "data": data}}]}
    if finish:
        candidate["finishReason"] = finish
    message: dict[str, Any] = {"candidates": [candidate], "modelVersion": "test"}
    if tokens is not None:
        message["usageMetadata"] = {
            "promptTokenCount": 7,
            "candidatesTokenCount": tokens,
            "totalTokenCount": 7 + tokens,
        }
    return message


def events(reply: Reply, *messages: dict[str, Any]) -> None:
    """Server-sent events without the final event."""
    reply.start("text/event-stream")
    for message in messages:
        reply.chunk(b"data: " + json.dumps(message).encode() + b"\r\n\r\n")


def speak(reply: Reply, mime: str = PCM, rate: int = RATE, pieces: int = 3) -> None:
    """Normal response in the form that the path selects."""
    pcm = audio_of(reply.asked, rate)
    if not reply.asked.path.endswith(":streamGenerateContent"):
        whole = response(wav(pcm, rate), "audio/wav", "STOP", len(pcm) // 2_000)
        reply.whole(json.dumps(whole).encode())
        return
    # pieces of odd length: a sample may be torn between two
    size = len(pcm) // pieces | 1
    parts = [response(pcm[at : at + size], mime) for at in range(0, len(pcm), size)]
    events(reply, *parts, response(finish="STOP", tokens=len(pcm) // 2_000))
    reply.end()


def as_mime(mime: str, rate: int = RATE) -> Answer:
    return lambda reply: speak(reply, mime, rate)


def as_wav(reply: Reply) -> None:
    """A file instead of raw PCM."""
    events(reply, response(wav(audio_of(reply.asked)), "audio/wav", "STOP"))
    reply.end()


def finishing(reason: str | None) -> Answer:
    """Half of the audio, then a clean end that gives this reason."""

    def answer(reply: Reply) -> None:
        pcm = audio_of(reply.asked)
        events(reply, response(pcm[: len(pcm) // 4 * 2]), response(finish=reason, tokens=5))
        reply.end()

    return answer


def cut(reply: Reply) -> None:
    """Half of the audio, then a closed connection."""
    pcm = audio_of(reply.asked)
    events(reply, response(pcm[: len(pcm) // 4 * 2]))
    reply.cut()


def empty(reply: Reply) -> None:
    """HTTP 200 with an empty body."""
    events(reply)
    reply.end()


def silent(reply: Reply) -> None:
    """Silence of the expected duration."""
    events(reply, response(bytes(len(audio_of(reply.asked))), finish="STOP", tokens=5))
    reply.end()


def silent_stop(reply: Reply) -> None:
    """A regular finish without audio."""
    events(reply, response(finish="STOP"))
    reply.end()


def blocked(reply: Reply) -> None:
    events(reply, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})
    reply.end()


def shortened(reply: Reply) -> None:
    """A regular finish with a hundredth of the audio."""
    pcm = audio_of(reply.asked)
    events(reply, response(pcm[: len(pcm) // 200 * 2], finish="STOP"))
    reply.end()


def garbled(reply: Reply) -> None:
    reply.start("text/event-stream")
    reply.chunk(b'data: {"candidates": [{"content": {"parts": [{"inlineData"\r\n\r\n')
    reply.end()


def failing_halfway(reply: Reply) -> None:
    """An error as an event, as Gemini sends it once a stream has begun."""
    error = {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
    events(reply, response(audio_of(reply.asked)[:2_000]), {"error": error})
    reply.end()


def error(status: int, name: str, message: str, details: Sequence[dict[str, Any]] = (), **headers: str) -> Answer:
    body = {"error": {"code": status, "message": message, "status": name, "details": list(details)}}
    return lambda reply: reply.whole(json.dumps(body).encode(), status=status, **headers)


def throttled(delay: str = "0.05s") -> Answer:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    return error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", [info])


bad_key = error(
    400,
    "INVALID_ARGUMENT",
    "API key not valid. Please pass a valid API key.",
    [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
)


def after(released: threading.Event, answer: Answer = speak) -> Answer:
    """Respond only when the test permits it."""

    def wait(reply: Reply) -> None:
        released.wait(30)
        answer(reply)

    return wait


def text_response(text: str = "", finish: str | None = None, *, thought: bool = False) -> dict[str, Any]:
    """One `GenerateContentResponse` of a text model."""
    candidate: dict[str, Any] = {"index": 0}
    if text:
        candidate["content"] = {"role": "model", "parts": [{"text": text, **({"thought": True} if thought else {})}]}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "test"}


def say(*parts: str, finish: str | None = "STOP") -> Answer:
    """A reply in these parts that ends with this reason."""

    def answer(reply: Reply) -> None:
        thought = text_response("The user greets me.", thought=True)
        events(reply, thought, *map(text_response, parts), text_response(finish=finish))
        reply.end()

    return answer


def say_and_cut(*parts: str) -> Answer:
    """These parts, then a closed connection."""

    def answer(reply: Reply) -> None:
        events(reply, *map(text_response, parts))
        reply.cut()

    return answer


def say_and_stall(closed: threading.Event, *parts: str) -> Answer:
    """These parts, then nothing; `closed` is set when the client closes the connection."""

    def answer(reply: Reply) -> None:
        events(reply, *map(text_response, parts))
        if reply.wait_until_closed():
            closed.set()

    return answer
