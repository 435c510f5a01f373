"""The endpoint of spoken conversations: with the real listener, and fakes of the model, the speech and the recogniser."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import numpy as np
import pytest

from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Metric, Plan
from echo_common.errors import EchoError
from echo_common.http.client import ServiceClient
from echo_common.http.websocket_client import open_websocket
from echo_common.live_settings import LiveSettings
from echo_voice.speech_stream import SpokenSentence
from echo_voice.talk.conversation import ConversationLimits
from tests.integration.voice.conftest import SCOPES, Start, VoiceClient
from tests.support.chat_model import ScriptedChatModel
from tests.support.eventually import eventually
from tests.support.loudspeaker import interruption, messages, pcm, reply
from tests.support.person import data
from tests.support.speech_stream import FakeSpeechStream, FakeSpeechStreams
from tests.support.talk import FakeTranscriber, listening

RATE = 16_000
START = json.dumps({"type": "start", "input": "pcm_16000", "output": "pcm_16000"})


class _RecordedStream(FakeSpeechStream):
    async def __aiter__(self) -> AsyncIterator[SpokenSentence]:
        recording, at = pcm(reply()), 0.0
        async for part in super().__aiter__():
            audio = recording[: 2 * int(RATE * part.duration_seconds)]
            yield replace(part, audio=audio, start_seconds=at, duration_seconds=len(audio) / 2 / RATE)
            at += len(audio) / 2 / RATE


class RecordedStreams(FakeSpeechStreams):
    """Streams whose sentences are the beginning of a recording, half a second for each word."""

    @asynccontextmanager
    async def open(
        self, *, token: str, voice_id: str, config: SpeechConfig, low_latency: bool = True
    ) -> AsyncIterator[FakeSpeechStream]:
        async with super().open(token=token, voice_id=voice_id, config=config):
            yield _RecordedStream(self)


@dataclass
class Caller:
    """A client that talks with an echo, and records the frames."""

    socket: aiohttp.ClientWebSocketResponse
    frames: list[dict[str, Any]] = field(default_factory=list)
    audio: bytes = b""
    played: int = 0

    async def receive(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                self.audio += message.data
            else:
                self.frames.append(message.json())

    def types(self) -> list[str]:
        return [frame["type"] for frame in self.frames]

    async def until(self, name: str, count: int = 1) -> dict[str, Any]:
        await eventually(lambda: self.types().count(name) >= count, within=20)
        return [frame for frame in self.frames if frame["type"] == name][count - 1]

    async def say(self, sound: np.ndarray, *, with_echo: bool = False, until: str | None = None) -> None:
        """Send sound in real time, mixed with the sound of the loudspeaker; go on with silence until a frame arrives.

        An interruption of the reply ends it at once.
        """
        known = self.types().count(until or "")
        for number, message in enumerate([*messages(sound), *[bytes(640)] * (500 if until else 0)]):
            whole = number * 640 >= 2 * len(sound)
            if (whole or until == "interrupted") and self.types().count(until or "") > known:
                return
            values = np.frombuffer(message, "<i2").astype(np.float32)
            if with_echo:
                heard = np.frombuffer(self.audio[self.played : self.played + len(message)], "<i2")
                self.played += 2 * len(heard)
                values[: len(heard)] += 0.3 * heard
            await self.socket.send_bytes(np.clip(values, -32768, 32767).astype("<i2").tobytes())
            await asyncio.sleep(0.019)


@dataclass
class Talking:
    """A voice service with an echo that can talk."""

    client: VoiceClient
    echo_id: str
    chat: ScriptedChatModel
    speech: RecordedStreams
    transcriber: FakeTranscriber

    @asynccontextmanager
    async def socket(self, **headers: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        url = str(self.client.http.base_url)
        async with (
            ServiceClient.open("voice", url) as service,
            open_websocket(
                service,
                f"/echos/{self.echo_id}/talk",
                headers={**self.client.headers, **headers},
                protocols=(),
                max_message_bytes=1 << 20,
            ) as socket,
        ):
            yield socket

    @asynccontextmanager
    async def calling(self, start: str = START) -> AsyncIterator[Caller]:
        async with self.socket() as socket:
            await socket.send_str(start)
            caller = Caller(socket)
            receiving = asyncio.create_task(caller.receive())
            try:
                await caller.until("ready")
                yield caller
            finally:
                receiving.cancel()
                await asyncio.gather(receiving, return_exceptions=True)

    async def texts(self) -> list[tuple[str, str]]:
        found = data(await self.client.ask("GET", f"/echos/{self.echo_id}/messages"))
        return [(message["status"], message["text"]) for message in reversed(found)]


@pytest.fixture
async def talking(start: Start) -> AsyncIterator[Talking]:
    async with start(talk_per_user=2) as client:
        client.headers["Authorization"] = f"Bearer {client.issuer.token(sub='usr_ada', scope=f'{SCOPES} speech:write')}"
        chat, speech, transcriber = ScriptedChatModel(), RecordedStreams(), FakeTranscriber()
        replies = replace(client.deps.replies, chat=chat, streams=speech)
        object.__setattr__(client.deps, "replies", replies)
        object.__setattr__(client.deps, "chat_model", chat)
        object.__setattr__(client.deps, "talk", replace(client.deps.talk, replies=replies, transcriber=transcriber))
        echo = data(await client.ask("POST", "/echos", json={"name": "Grace", "greeting": "Welcome aboard!"}), 201)
        yield Talking(client, echo["id"], chat, speech, transcriber)
    assert listening() == []


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(RATE * seconds), np.float32)


async def test_a_question_is_heard_and_answered_in_the_voice_of_the_echo(talking: Talking) -> None:
    async with talking.calling() as caller:
        await caller.say(silence(1.3), with_echo=True, until="reply_ended")
        assert len(caller.audio) == 2 * RATE
        await caller.say(interruption(), with_echo=True, until="reply_ended")
        await caller.socket.send_str('{"type": "played", "reply": 2, "seconds": 2.5}')
        await caller.socket.send_str('{"type": "end"}')
        await eventually(lambda: caller.socket.closed)
        assert caller.socket.close_code == 1000
    frames = [frame for frame in caller.frames if frame.get("kind") != "partial"]
    turn = [frame["type"] for frame in frames if frame["type"] not in {"delta", "audio", "sentence"}]
    greeting = ["ready", "reply_started", "reply_ended"]
    assert turn == [*greeting, "speech_started", "speech_ended", "transcript", "reply_started", "reply_ended"]
    assert await talking.texts() == [("complete", "Hello."), ("complete", "Good morning. How are you?")]
    (token, voice_id, config) = talking.speech.opened[-1]
    assert (f"Bearer {token}", voice_id) == (talking.client.headers["Authorization"], talking.echo_id)
    assert config.model_dump(exclude_unset=True) == {"output_format": "pcm", "sample_rate": RATE, "ssml": False}


async def test_speech_interrupts_a_reply_and_the_history_keeps_the_heard_part(talking: Talking) -> None:
    talking.chat.then("One two three four. ", "Five six seven eight. ", *["Nine ten eleven twelve. "] * 10)
    async with talking.calling(START.replace("}", ', "greeting": false}')) as caller:
        await caller.say(interruption(), until="audio")
        await caller.say(silence(1.2), with_echo=True)
        assert "interrupted" not in caller.types()
        await caller.say(interruption(), with_echo=True, until="interrupted")
        interrupted_at = len(caller.audio)
        await caller.socket.send_str('{"type": "played", "reply": 1, "seconds": 2.1}')
        await caller.say(silence(0.1), until="reply_started")
        assert len(caller.audio) >= interrupted_at
    found = await talking.texts()
    assert found[1] == ("interrupted", "One two three four.")
    assert talking.chat.closed_replies <= 1
    await eventually(lambda: talking.speech.open_streams == 0)


async def test_a_client_that_vanishes_leaves_nothing_behind(talking: Talking) -> None:
    talking.chat.then("One two. ", asyncio.Event())
    async with talking.calling() as caller:
        await caller.say(interruption(), until="speech_ended")
        await eventually(lambda: talking.chat.open_replies == 1)
        assert len(listening()) == 1
        response = caller.socket._response
        assert response.connection is not None
        assert response.connection.transport is not None
        response.connection.transport.abort()
        await eventually(lambda: talking.chat.open_replies == talking.speech.open_streams == len(listening()) == 0, within=20)


@pytest.mark.parametrize(
    ("frame", "close_code", "code"),
    [
        (bytes(641), 1008, "VALIDATION_ERROR"),
        ("{", 1008, "VALIDATION_ERROR"),
        (bytes(64 * 1024 + 2), 1009, "BODY_TOO_LARGE"),
    ],
    ids=["half a sample", "no JSON", "too large"],
)
async def test_bad_frames_end_the_conversation_with_an_error(
    frame: str | bytes, close_code: int, code: str, talking: Talking
) -> None:
    async with talking.calling() as caller:
        await (caller.socket.send_str(frame) if isinstance(frame, str) else caller.socket.send_bytes(frame))
        assert (await caller.until("error"))["code"] == code
        await eventually(lambda: caller.socket.closed)
        assert caller.socket.close_code == close_code


@pytest.mark.parametrize("frame", ['{"type": "end"}', '{"type": "start", "input": "mp3"}', b"\0\0"])
async def test_the_first_frame_must_be_a_valid_start(frame: str | bytes, talking: Talking) -> None:
    async with talking.socket() as socket:
        await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        assert (await socket.receive_json())["code"] == "VALIDATION_ERROR"
        assert (await socket.receive()).data == 1008


async def test_the_death_of_the_listener_ends_the_conversation(talking: Talking) -> None:
    async with talking.calling() as caller:
        for process in listening():
            process.kill()
        await caller.socket.send_bytes(bytes(640))
        assert (await caller.until("error"))["code"] == "SERVICE_UNAVAILABLE"
        await eventually(lambda: caller.socket.closed)
        assert caller.socket.close_code == 1011


async def refusal_of(talking: Talking, **headers: str) -> tuple[int, str]:
    with pytest.raises(EchoError) as refused:
        async with talking.socket(**headers):
            pass
    return refused.value.status, refused.value.code


async def test_a_user_has_a_limited_number_of_conversations(talking: Talking) -> None:
    async with talking.calling(), talking.calling():
        assert await refusal_of(talking) == (429, "TOO_MANY_OPEN_REQUESTS")
    await eventually(lambda: talking.client.deps.talk.open._users.total() == 0)
    async with talking.calling():
        pass


async def test_a_process_has_a_limited_number_of_conversations(start: Start, talking: Talking) -> None:
    object.__setattr__(talking.client.deps.talk.open, "_most", 1)
    async with talking.calling():
        assert await refusal_of(talking) == (503, "SERVICE_UNAVAILABLE")


async def test_conversations_that_cannot_be_held_are_refused(talking: Talking) -> None:
    assert await refusal_of(talking, Authorization="Bearer x") == (401, "INVALID_TOKEN")
    narrow = talking.client.issuer.token(sub="usr_ada", scope="voices:write")
    assert (await refusal_of(talking, Authorization=f"Bearer {narrow}"))[0] == 403
    other = talking.client.issuer.token(sub="usr_eve", scope=f"{SCOPES} speech:write")
    assert await refusal_of(talking, Authorization=f"Bearer {other}") == (404, "ECHO_NOT_FOUND")
    talking.transcriber.available = False
    assert await refusal_of(talking) == (503, "RECOGNISER_MISSING")
    talking.chat.available = False
    assert await refusal_of(talking) == (503, "CHAT_MODEL_MISSING")


async def test_conversations_beyond_the_daily_quota_are_refused(talking: Talking) -> None:
    quotas = talking.client.deps.quotas
    quotas._live_settings = LiveSettings({QUOTAS[Metric.MESSAGES][Plan.USER].key: 1})
    data(await talking.client.ask("POST", f"/echos/{talking.echo_id}/messages", json={"text": "Hello"}))
    assert await refusal_of(talking) == (429, "QUOTA_EXCEEDED")


async def test_a_conversation_ends_with_its_access_token(talking: Talking) -> None:
    token = talking.client.issuer.token(sub="usr_ada", scope=f"{SCOPES} speech:write", lasts=3)
    talking.client.headers["Authorization"] = f"Bearer {token}"
    async with talking.calling() as caller:
        assert (await caller.until("ready"))["longest_seconds"] <= 3
        assert (await caller.until("error"))["code"] == "REQUEST_TIMEOUT"


async def test_a_silent_connection_is_closed(talking: Talking) -> None:
    deps = talking.client.deps
    object.__setattr__(deps, "talk", replace(deps.talk, limits=ConversationLimits(idle_seconds=0.2)))
    async with talking.calling() as caller:
        assert (await caller.until("error"))["code"] == "REQUEST_TIMEOUT"
