"""Endpoints of messages: text and recordings in, replies and their events out."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from echo_common.contracts.errors.chat import ChatTimeoutError
from echo_common.contracts.errors.voice import AnalysisFailedError, UnreadableError
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Metric, Plan
from echo_common.live_settings import LiveSettings
from echo_voice.api import messages
from echo_voice.dependencies import Dependencies
from tests.integration.voice.conftest import Start, VoiceClient
from tests.support.chat_model import ScriptedChatModel
from tests.support.eventually import eventually
from tests.support.person import data, refusal
from tests.support.recordings import spoken, wav
from tests.support.speech_stream import FakeSpeechStreams

REPLY = "Good morning. How are you?"


@dataclass
class Conversing:
    """A client of the voice service with an echo, a scripted model and a fake of speech."""

    client: VoiceClient
    chat: ScriptedChatModel
    speech: FakeSpeechStreams
    path: str

    async def send(self, text: str = "Hello!", **more: Any) -> httpx.Response:
        return await self.client.ask("POST", self.path, json={"text": text, **more})

    async def events(self, **body: Any) -> list[tuple[str, dict[str, Any]]]:
        headers = {**self.client.headers, "Accept": "text/event-stream"}
        answer = await self.client.http.post(self.path, headers=headers, json={"text": "Hello!", **body})
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
        return parse_events(answer.text)

    async def texts(self, **query: Any) -> list[str]:
        return [message["text"] for message in data(await self.client.ask("GET", self.path, params=query))]


def parse_events(text: str) -> list[tuple[str, dict[str, Any]]]:
    blocks = [dict(line.split(": ", 1) for line in block.split("\n")) for block in text.split("\n\n") if block]
    return [(block["event"], json.loads(block["data"])) for block in blocks]


@pytest.fixture
async def conversing(ada: VoiceClient) -> Conversing:
    return await open_conversation(ada)


async def open_conversation(ada: VoiceClient) -> Conversing:
    chat, speech = ScriptedChatModel(), FakeSpeechStreams()
    use_fakes(ada.deps, chat, speech)
    echo = data(await ada.ask("POST", "/echos", json={"name": "Grace", "persona_prompt": "You are Grace."}), 201)
    return Conversing(ada, chat, speech, f"/echos/{echo['id']}/messages")


def use_fakes(deps: Dependencies, chat: ScriptedChatModel, speech: FakeSpeechStreams) -> None:
    """Replace the language model and the speech of a running service."""
    object.__setattr__(deps, "replies", replace(deps.replies, chat=chat, streams=speech))


async def test_plain_reply_is_json(conversing: Conversing) -> None:
    answer = data(await conversing.send())
    assert (answer["message"]["text"], answer["message"]["role"]) == ("Hello!", "user")
    assert (answer["reply"]["text"], answer["reply"]["status"], answer["reply"]["echo_revision"]) == (REPLY, "complete", 1)
    assert (answer["audio"], answer["speech_error"]) == (None, None)


async def test_plain_reply_has_its_speech_as_one_file(conversing: Conversing) -> None:
    answer = data(await conversing.send(speech={"output_format": "wav", "sample_rate": 16_000}))
    assert base64.b64decode(answer["audio"]) == b"Good morning.How are you?"
    assert [word["word"] for word in answer["word_timestamps"]] == ["Good", "morning", "How", "are", "you"]
    assert answer["reply"]["duration"] == 2.5
    (token, voice_id, config) = conversing.speech.opened[0]
    assert (f"Bearer {token}", f"/echos/{voice_id}/messages") == (conversing.client.headers["Authorization"], conversing.path)
    assert (config.output_format.value, config.sample_rate, config.ssml) == ("wav", 16_000, False)


async def test_only_the_speech_of_a_stream_has_any_length(conversing: Conversing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MOST_AUDIO_BYTES", len("Good morning."))
    answer = data(await conversing.send(speech={}))
    assert (answer["reply"]["text"], answer["speech_error"]["code"]) == (REPLY, "FILE_TOO_LARGE")
    assert base64.b64decode(answer["audio"]) == b"Good morning."
    assert (await conversing.events(speech={}))[-1][1]["speech_error"] is None


async def test_events_of_a_reply(conversing: Conversing) -> None:
    events = await conversing.events(speech={})
    assert [name for name, _ in events if name != "delta"] == ["message", *["sentence", "audio"] * 2, "done"]
    assert "".join(body["text"] for name, body in events if name == "delta") == REPLY
    audio = [body for name, body in events if name == "audio"]
    assert b"".join(base64.b64decode(body["audio"]) for body in audio) == b"Good morning.How are you?"
    done = events[-1][1]
    assert (done["reply"]["text"], done["characters"], done["duration"], done["speech_error"]) == (REPLY, 26, 2.5, None)


async def test_events_of_a_repeated_request_are_those_of_the_stored_reply(conversing: Conversing) -> None:
    headers = {**conversing.client.headers, "Accept": "text/event-stream", "Idempotency-Key": "k"}
    body = {"text": "Hello!", "speech": {}}
    first, second = [
        parse_events((await conversing.client.http.post(conversing.path, headers=headers, json=body)).text) for _ in range(2)
    ]
    assert [event for event in first if event[0] != "delta"] == [event for event in second if event[0] != "delta"]
    assert len(conversing.chat.requests) == 1
    assert await conversing.texts() == [REPLY, "Hello!"]


async def test_failed_model_ends_the_events_with_an_error(conversing: Conversing) -> None:
    conversing.chat.then("I ", ChatTimeoutError())
    events = await conversing.events()
    assert [name for name, _ in events] == ["message", "delta", "error"]
    assert events[-1][1]["code"] == "CHAT_TIMEOUT"
    conversing.chat.then(ChatTimeoutError())
    assert refusal(await conversing.send()) == (504, "CHAT_TIMEOUT")


async def test_unexpected_failure_ends_the_events_with_an_error(
    conversing: Conversing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(conversing.chat, "reply", fail)
    events = await conversing.events()
    assert [name for name, _ in events] == ["message", "error"]
    assert events[-1][1]["code"] == "INTERNAL_ERROR"
    assert "secret" not in events[-1][1]["message"]


async def test_refusals_before_the_reply_are_statuses_also_for_events(conversing: Conversing) -> None:
    headers = {**conversing.client.headers, "Accept": "text/event-stream"}
    unknown = await conversing.client.http.post("/echos/echo_none/messages", headers=headers, json={"text": "Hi"})
    assert refusal(unknown) == (404, "ECHO_NOT_FOUND")
    conversing.chat.available = False
    missing = await conversing.client.http.post(conversing.path, headers=headers, json={"text": "Hi"})
    assert refusal(missing) == (503, "CHAT_MODEL_MISSING")
    assert await conversing.texts() == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"text": ""}, 422, "VALIDATION_ERROR"),
        ({"text": " \n\x07 "}, 422, "VALIDATION_ERROR"),
        ({"text": "x" * 8_001}, 422, "VALIDATION_ERROR"),
        ({"text": "x" * 1_000_000}, 422, "VALIDATION_ERROR"),
        ({"text": "Hi", "more": 1}, 422, "VALIDATION_ERROR"),
        ({"text": "Hi", "speech": {"sample_rate": 1}}, 422, "VALIDATION_ERROR"),
        ({"text": 1}, 422, "VALIDATION_ERROR"),
        ([], 422, "VALIDATION_ERROR"),
        ({"text": "x" * 3_000_000}, 413, "BODY_TOO_LARGE"),
    ],
    ids=["empty", "blank", "long", "megabyte", "field", "rate", "number", "list", "body"],
)
async def test_invalid_messages_are_refused(conversing: Conversing, body: Any, status: int, code: str) -> None:
    answer = await conversing.client.ask("POST", conversing.path, json=body)
    assert refusal(answer) == (status, code)
    assert conversing.chat.requests == []
    assert await conversing.texts() == []


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b'{"text": ', "application/json", 422, "INVALID_JSON"),
        (b"\xff", "application/json", 422, "INVALID_JSON"),
        (b"[" * 100_000, "application/json", 422, "INVALID_JSON"),
        (b'{"text": ' + b"9" * 5_000 + b"}", "application/json", 422, "VALIDATION_ERROR"),
        (b'{"text": "Hi"}', "text/plain", 415, "JSON_REQUIRED"),
    ],
    ids=["syntax", "encoding", "nesting", "digits", "type"],
)
async def test_invalid_bodies_are_refused_as_elsewhere(
    conversing: Conversing, content: bytes, kind: str, status: int, code: str
) -> None:
    headers = {**conversing.client.headers, "Content-Type": kind}
    answer = await conversing.client.http.post(conversing.path, headers=headers, content=content)
    other = await conversing.client.http.post("/echos", headers=headers, content=content)
    assert refusal(answer) == (status, code)
    assert refusal(other) == (status, code)
    assert answer.json()["error"] == other.json()["error"]


async def test_control_characters_are_removed(conversing: Conversing) -> None:
    answer = data(await conversing.send("Hi\x00 there\x1b[31m\n"))
    assert answer["message"]["text"] == "Hi there[31m"


async def test_messages_are_listed_searched_exported_and_deleted(conversing: Conversing) -> None:
    await conversing.send("Do you like the SEA?")
    await conversing.send("And land?")
    assert await conversing.texts() == [REPLY, "And land?", REPLY, "Do you like the SEA?"]
    assert await conversing.texts(search="sea") == ["Do you like the SEA?"]
    assert await conversing.texts(limit=1, page=2) == ["And land?"]
    assert await conversing.texts(to="2020-01-01T00:00:00Z") == []
    exported = (await conversing.client.ask("GET", f"{conversing.path}/export")).json()["messages"]
    assert [message["text"] for message in exported] == ["Do you like the SEA?", REPLY, "And land?", REPLY]
    text = await conversing.client.ask("GET", f"{conversing.path}/export", params={"format": "text"})
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert "UTC] user\nDo you like the SEA?\n\n" in text.text
    data(await conversing.client.ask("DELETE", f"{conversing.path}/{exported[0]['id']}"))
    assert await conversing.texts(search="sea") == []
    data(await conversing.client.ask("DELETE", conversing.path))
    assert await conversing.texts() == []
    assert (await conversing.client.ask("GET", f"{conversing.path}/export")).json() == {"messages": []}


async def test_deleted_echo_takes_its_messages_with_it(conversing: Conversing) -> None:
    await conversing.send()
    data(await conversing.client.ask("DELETE", conversing.path.removesuffix("/messages")))
    assert await conversing.client.deps.history.messages.count({}) == 0
    assert await conversing.client.deps.history.conversations.count({}) == 0
    assert refusal(await conversing.client.ask("GET", conversing.path)) == (404, "ECHO_NOT_FOUND")


async def test_client_that_leaves_a_plain_request_stops_the_reply(conversing: Conversing) -> None:
    conversing.chat.then("Once ", asyncio.Event())
    sending = asyncio.create_task(conversing.send())
    await eventually(lambda: conversing.chat.open_replies == 1)
    sending.cancel()
    await eventually(lambda: conversing.chat.closed_replies == 1)

    async def stored() -> bool:
        return await conversing.texts() == ["Once", "Hello!"]

    await eventually(stored)


@pytest.fixture
async def recognising(start: Start) -> AsyncIterator[Conversing]:
    """A conversation where recordings are transcribed."""
    async with start(recogniser=True) as ada:
        yield await open_conversation(ada)


async def _record(conversing: Conversing, content: bytes, *, key: str | None = None, **fields: str) -> httpx.Response:
    files, headers = {"recording": ("message.wav", content)}, {} if key is None else {"Idempotency-Key": key}
    client = conversing.client
    return await client.http.post(conversing.path, headers={**client.headers, **headers}, files=files, data=fields)


async def test_recording_is_transcribed(recognising: Conversing, monkeypatch: pytest.MonkeyPatch, speech: bytes) -> None:
    async def transcribe(path: Path, *_: Any, longest_seconds: float) -> str:
        size = await asyncio.to_thread(lambda: path.stat().st_size)
        return f"{size} bytes, {longest_seconds:g} s"

    monkeypatch.setattr("echo_voice.usecases.recordings.transcribe", transcribe)
    monkeypatch.setattr("echo_voice.usecases.recordings.find_packaged_recogniser", lambda: Path())
    answer = data(await _record(recognising, speech, speech='{"output_format": "wav"}'))
    assert answer["message"]["text"] == f"{len(speech)} bytes, 300 s"
    assert answer["audio"] is not None
    for invalid in ("{", '{"speed": 2}'):
        refused = await _record(recognising, speech, speech=invalid)
        assert (refusal(refused)[0], refused.json()["error"]["details"][0]["field"][:6]) == (422, "speech")
    assert refusal(await _record(recognising, speech, text="Hi")) == (422, "VALIDATION_ERROR")
    assert refusal(await _record(recognising, bytes(26 * 1024**2))) == (413, "FILE_TOO_LARGE")


async def test_recording_is_transcribed_and_counted_once_for_a_key(
    recognising: Conversing, monkeypatch: pytest.MonkeyPatch, speech: bytes
) -> None:
    transcribed: list[Path] = []

    async def transcribe(path: Path, *_: Any, **__: Any) -> str:
        transcribed.append(path)
        return f"Recording {len(transcribed)}"

    monkeypatch.setattr("echo_voice.usecases.recordings.transcribe", transcribe)
    monkeypatch.setattr("echo_voice.usecases.recordings.find_packaged_recogniser", lambda: Path())
    recognising.client.deps.quotas._live_settings = LiveSettings({QUOTAS[Metric.MESSAGES][Plan.USER].key: 2})
    first, second = [data(await _record(recognising, speech, key="k")) for _ in range(2)]
    assert first == second
    assert data(await _record(recognising, speech + b"more", key="k"))["message"]["text"] == "Recording 2"
    assert refusal(await _record(recognising, speech, key="other")) == (429, "QUOTA_EXCEEDED")
    assert data(await _record(recognising, speech, key="k")) == first
    assert await recognising.texts() == [REPLY, "Recording 2", REPLY, "Recording 1"]


async def test_recording_beyond_the_daily_quota_is_not_transcribed(
    recognising: Conversing, monkeypatch: pytest.MonkeyPatch, speech: bytes
) -> None:
    async def transcribe(*_: Any, **__: Any) -> str:
        raise AssertionError("transcribed")

    monkeypatch.setattr("echo_voice.usecases.recordings.transcribe", transcribe)
    monkeypatch.setattr("echo_voice.usecases.recordings.find_packaged_recogniser", lambda: Path())
    recognising.client.deps.quotas._live_settings = LiveSettings({QUOTAS[Metric.MESSAGES][Plan.USER].key: 1})
    await recognising.send()
    assert refusal(await _record(recognising, speech)) == (429, "QUOTA_EXCEEDED")


async def test_refused_recordings_count_as_messages_and_failures_do_not(
    recognising: Conversing, monkeypatch: pytest.MonkeyPatch, speech: bytes
) -> None:
    failures: list[Exception | str] = [AnalysisFailedError(), "…", UnreadableError()]

    async def transcribe(*_: Any, **__: Any) -> str:
        failure = failures.pop(0)
        if isinstance(failure, str):
            return failure
        raise failure

    monkeypatch.setattr("echo_voice.usecases.recordings.transcribe", transcribe)
    monkeypatch.setattr("echo_voice.usecases.recordings.find_packaged_recogniser", lambda: Path())
    recognising.client.deps.quotas._live_settings = LiveSettings({QUOTAS[Metric.MESSAGES][Plan.USER].key: 2})
    refusals = [refusal(await _record(recognising, speech))[1] for _ in range(4)]
    assert refusals[1:] == ["RECORDING_WITHOUT_SPEECH", UnreadableError.code, "QUOTA_EXCEEDED"]
    assert refusals[0] == AnalysisFailedError.code


async def test_a_user_has_one_recording_transcribed_at_a_time(
    recognising: Conversing, monkeypatch: pytest.MonkeyPatch, speech: bytes
) -> None:
    transcribing, going_on = asyncio.Event(), asyncio.Event()

    async def transcribe(*_: Any, **__: Any) -> str:
        transcribing.set()
        await going_on.wait()
        return "Hello"

    monkeypatch.setattr("echo_voice.usecases.recordings.transcribe", transcribe)
    monkeypatch.setattr("echo_voice.usecases.recordings.find_packaged_recogniser", lambda: Path())
    first = asyncio.create_task(_record(recognising, speech))
    await transcribing.wait()
    second = await _record(recognising, speech)
    assert (refusal(second), "retry-after" in second.headers) == ((429, "TOO_MANY_OPEN_REQUESTS"), True)
    going_on.set()
    assert data(await first)["message"]["text"] == "Hello"


async def test_recordings_without_a_recogniser_are_refused(conversing: Conversing, speech: bytes) -> None:
    assert refusal(await _record(conversing, speech)) == (503, "RECOGNISER_MISSING")


async def test_recordings_are_understood_and_silence_is_refused(recognising: Conversing) -> None:
    heard = data(await _record(recognising, wav(spoken("Good morning. What is the weather like in London today?"))))
    assert len(heard["message"]["text"]) > 10
    assert refusal(await _record(recognising, wav(np.zeros(48_000, np.float32)))) == (422, "RECORDING_WITHOUT_SPEECH")
    assert refusal(await _record(recognising, b"This is no recording.")) == (415, "UNSUPPORTED_MEDIA")
    assert len(recognising.chat.requests) == 1
