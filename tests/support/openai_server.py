"""A server with the API of OpenAI's chat completions, as Ollama, llama.cpp and vLLM have it: server-sent chunks."""

import json
import threading
from typing import Any

from tests.support.provider import Answer, Reply

KEEP_ALIVE = b": keep-alive\n\n"


def chunk(text: str | None = None, finish: str | None = None, **delta: str) -> dict[str, Any]:
    """One `chat.completion.chunk`."""
    content = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": {**content, **delta}, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test", "choices": [choice]}


USAGE = {**chunk(), "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}}


def send(reply: Reply, *messages: dict[str, Any]) -> None:
    """Server-sent events without the final one, with comments between."""
    reply.start("text/event-stream")
    for message in messages:
        reply.chunk(KEEP_ALIVE + b"data: " + json.dumps(message).encode() + b"\n\n")


def say(*parts: str, finish: str | None = "stop") -> Answer:
    """A reply in these parts that ends with this reason."""

    def answer(reply: Reply) -> None:
        opening = chunk("", role="assistant"), chunk(reasoning_content="The user greets me.")
        send(reply, *opening, *map(chunk, parts), chunk(finish=finish), USAGE)
        reply.chunk(b"data: [DONE]\n\n")
        reply.end()

    return answer


def say_and_cut(*parts: str) -> Answer:
    """These parts, then a closed connection."""

    def answer(reply: Reply) -> None:
        send(reply, *map(chunk, parts))
        reply.cut()

    return answer


def say_and_stall(closed: threading.Event, *parts: str) -> Answer:
    """These parts, then comments only; `closed` is set when the client closes the connection."""

    def answer(reply: Reply) -> None:
        send(reply, *map(chunk, parts))
        while not reply.wait_until_closed(0.02):
            try:
                reply.chunk(KEEP_ALIVE)
            except ConnectionError:
                break
        closed.set()

    return answer


def refuse(reply: Reply) -> None:
    """A refusal in place of a reply."""
    send(reply, chunk("", role="assistant"), chunk(refusal="I can't "), chunk(refusal="help."), chunk(finish="stop"))
    reply.chunk(b"data: [DONE]\n\n")
    reply.end()


def fail_halfway(reply: Reply) -> None:
    """An error as an event, as servers send it once a stream has begun."""
    send(reply, chunk("Once "), {"error": {"message": "out of memory", "type": "server_error", "code": 500}})
    reply.end()


def error(status: int, code: str | None = None, message: str = "no", **headers: str) -> Answer:
    """An error response."""
    body = {"error": {"message": message, "type": "error", "code": code, "param": None}}
    return lambda reply: reply.whole(json.dumps(body).encode(), status=status, **headers)
