"""Messages to echos through the gateway: replies by the wire format of OpenAI, spoken by the platform."""

import base64
import io
import json
import threading
import wave
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.openai_server import chunk, say_and_stall, send
from tests.support.person import Person, data, refusal
from tests.support.provider import Provider, Reply

REPLY = "Good morning. How are you?"


@pytest.fixture
async def path(ada: Person, chat: Provider) -> AsyncIterator[str]:
    """Path of the messages with an echo of Ada's."""
    echo = data(await ada.http.post("/echos", json={"name": "Grace", "voice_id": "tone_low", "greeting": "Hello!"}), 201)
    yield f"/echos/{echo['id']}/messages"
    chat.forget()


async def events(person: Person, path: str, body: dict[str, Any], **more: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Send a message and yield the events of the reply."""
    headers = {"Accept": "text/event-stream", **more}
    async with person.http.stream("POST", path, headers=headers, json=body) as response:
        assert response.status_code == 200, await response.aread()
        name = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


async def texts(person: Person, path: str) -> list[tuple[str, str]]:
    return [(message["text"], message["status"]) for message in data(await person.http.get(path))]


async def test_a_message_is_answered_once_per_key(ada: Person, path: str, chat: Provider) -> None:
    chat.forget()
    key = {"Idempotency-Key": "one"}
    first, second = [data(await ada.http.post(path, json={"text": "Hi!"}, headers=key)) for _ in range(2)]
    assert (first["reply"]["text"], first) == (REPLY, second)
    assert len(chat.asked) == 1
    asked = json.loads(chat.asked[0].body)
    assert [message["content"] for message in asked["messages"]][-2:] == ["Hello!", "Hi!"]
    assert await texts(ada, path) == [(REPLY, "complete"), ("Hi!", "complete")]
    usage = {view["metric"]: view["used"] for view in data(await ada.http.get("/users/me/usage"))}
    assert usage["messages"] == 1


async def test_events_are_repeated_for_a_key_and_the_message_is_stored_once(ada: Person, path: str, chat: Provider) -> None:
    chat.forget()
    body = {"text": "Hi!", "speech": {"output_format": "wav"}}
    key = {"Idempotency-Key": "stream"}
    (_, done) = [event async for event in events(ada, path, body, **key)][-1]
    repeated = []

    async def repeat() -> bool:  # the key is released after the last event
        response = await ada.http.post(path, headers={"Accept": "text/event-stream", **key}, json=body)
        repeated.append(response.text)
        return response.status_code == 200

    await eventually(repeat)
    assert json.loads(repeated[-1].rsplit("data: ", 1)[1]) == done
    assert "event: audio" in repeated[-1]
    assert len(chat.asked) == 1
    assert await texts(ada, path) == [(REPLY, "complete"), ("Hi!", "complete")]


async def test_speech_leaves_while_the_model_still_writes(ada: Person, path: str, chat: Provider) -> None:
    heard = threading.Event()

    def answer(reply: Reply) -> None:
        send(reply, chunk("This is the first sentence. "), chunk("And this "))
        assert heard.wait(10)
        send_rest(reply)

    chat.then(answer)
    received = []
    body = {"text": "Speak!", "speech": {"output_format": "wav", "sample_rate": 24_000}}
    async for name, event in events(ada, path, body):
        received.append((name, event))
        if name == "audio" and event["audio"]:
            heard.set()
    names = [name for name, _ in received]
    assert names.index("audio") < max(place for place, name in enumerate(names) if name == "delta")
    assert (names[0], names[-1]) == ("message", "done")
    done = received[-1][1]
    assert (done["reply"]["text"], done["speech_error"]) == ("This is the first sentence. And this is the second.", None)
    with wave.open(
        io.BytesIO(b"".join(base64.b64decode(event["audio"]) for name, event in received if name == "audio"))
    ) as file:
        assert file.getframerate() == 24_000
        frames = len(file.readframes(10**9)) // 2
    assert abs(frames / 24_000 - done["duration"]) < 0.2
    words = [word for name, event in received if name == "audio" for word in event["word_timestamps"]]
    assert [word["word"].strip(".") for word in words] == [
        "This",
        "is",
        "the",
        "first",
        "sentence",
        "And",
        "this",
        "is",
        "the",
        "second",
    ]
    assert words[-1]["end_time"] <= done["duration"] + 0.01


def send_rest(reply: Reply) -> None:
    for message in (chunk("is the second."), chunk(finish="stop")):
        reply.chunk(b"data: " + json.dumps(message).encode() + b"\n\n")
    reply.chunk(b"data: [DONE]\n\n")
    reply.end()


async def test_a_client_that_leaves_ends_the_stream_of_the_model(ada: Person, path: str, chat: Provider) -> None:
    closed = threading.Event()
    chat.then(say_and_stall(closed, "Once upon ", "a time"))
    async for name, event in events(ada, path, {"text": "A story!"}):
        if name == "delta" and event["text"].endswith("time"):
            break

    async def stored() -> bool:
        return await texts(ada, path) == [("Once upon a time", "interrupted"), ("A story!", "complete")]

    async def replies_again() -> bool:
        return (await ada.http.post(path, json={"text": "Hi!"})).is_success

    await eventually(lambda: closed.is_set())
    await eventually(stored)
    await eventually(replies_again)


async def test_deleted_echos_and_other_users_have_no_messages(ada: Person, eve: Person, path: str) -> None:
    data(await ada.http.post(path, json={"text": "Hi!"}))
    for refused in (await eve.http.get(path), await eve.http.post(path, json={"text": "Hi!"}), await eve.http.delete(path)):
        assert refusal(refused) == (404, "ECHO_NOT_FOUND")
    data(await ada.http.delete(path.removesuffix("/messages")))
    assert refusal(await ada.http.get(path)) == (404, "ECHO_NOT_FOUND")


async def test_large_recordings_reach_the_service(ada: Person, path: str) -> None:
    recording = {"recording": ("message.wav", bytes(3 * 1024**2))}
    assert refusal(await ada.http.post(path, files=recording)) == (503, "RECOGNISER_MISSING")
    assert refusal(await ada.http.post(path, json={"text": "x" * 3 * 1024**2})) == (413, "BODY_TOO_LARGE")
    assert await texts(ada, path) == []
