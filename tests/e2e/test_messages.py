"""Messages to echos through the gateway: replies by the wire format of OpenAI, spoken by the platform."""

import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.openai_server import say_and_stall
from tests.support.person import Person, data, refusal
from tests.support.provider import Provider

REPLY = "Good morning. How are you?"


@pytest.fixture
async def path(ada: Person, chat: Provider) -> AsyncIterator[str]:
    """Path of the messages with an echo of Ada's."""
    echo = data(await ada.http.post("/echos", json={"name": "Grace", "voice_id": "tone_low", "greeting": "Hello!"}), 201)
    yield f"/echos/{echo['id']}/messages"
    chat.forget()


async def events(person: Person, path: str, body: dict[str, Any]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Send a message and yield the events of the reply."""
    headers = {"Accept": "text/event-stream"}
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


async def test_a_client_that_leaves_ends_the_stream_of_the_model(ada: Person, path: str, chat: Provider) -> None:
    closed = threading.Event()
    chat.then(say_and_stall(closed, "Once upon ", "a time"))
    async for name, event in events(ada, path, {"text": "A story!"}):
        if name == "delta" and event["text"].endswith("time"):
            break

    async def stored() -> bool:
        return await texts(ada, path) == [("Once upon a time", "interrupted"), ("A story!", "complete")]

    await eventually(lambda: closed.is_set())
    await eventually(stored)
    assert data(await ada.http.post(path, json={"text": "Hi!"}))["reply"]["text"] == REPLY


async def test_deleted_echos_and_other_users_have_no_messages(ada: Person, eve: Person, path: str) -> None:
    data(await ada.http.post(path, json={"text": "Hi!"}))
    for refused in (await eve.http.get(path), await eve.http.post(path, json={"text": "Hi!"}), await eve.http.delete(path)):
        assert refusal(refused) == (404, "ECHO_NOT_FOUND")
    data(await ada.http.delete(path.removesuffix("/messages")))
    assert refusal(await ada.http.get(path)) == (404, "ECHO_NOT_FOUND")
