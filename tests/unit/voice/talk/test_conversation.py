"""The course of a spoken conversation: turns, interruptions, limits, and its end."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from echo_common.contracts.errors.chat import ChatTimeoutError
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.voice import EchoNotFoundError
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.errors import (
    BodyTooLargeError,
    EchoError,
    RateLimitedError,
    RequestTimeoutError,
    ServiceUnavailableError,
    ValidationError,
)
from echo_common.metrics import Metrics
from echo_voice.talk.conversation import ConversationLimits, SpokenConversation, receive_start
from echo_voice.talk.listening import ListeningLostError
from echo_voice.talk.replying import Replying
from echo_voice.talk.spoken_reply import Greeting
from echo_voice.talk.transcripts import Transcripts
from tests.support.eventually import eventually
from tests.support.speech_stream import FakeSpeechStreams
from tests.support.talk import CRASH, MALFORMED, SILENCE, SPEECH, FakeClient, FakeListener, FakeReplies, FakeTranscriber


@dataclass
class Talk:
    """A conversation in progress."""

    client: FakeClient
    listener: FakeListener
    transcriber: FakeTranscriber
    replies: FakeReplies
    running: asyncio.Task[None]

    def speak(self) -> None:
        self.client.say(SPEECH, SPEECH, SILENCE)

    async def hang_up(self) -> None:
        self.client.say(None)
        await self.running


Start = Callable[..., AbstractAsyncContextManager[Talk]]


@pytest.fixture
def start() -> Start:
    @asynccontextmanager
    async def started(
        *sentences: str,
        seconds: float = 0.3,
        message_seconds: float = 0.02,
        greeting: str | None = None,
        transcriber: FakeTranscriber | None = None,
        partial_seconds: float = 60.0,
        **limits: float,
    ) -> AsyncIterator[Talk]:
        client, listener = FakeClient(), FakeListener(message_seconds)
        heard, replies = transcriber or FakeTranscriber(), FakeReplies(*sentences, seconds=seconds)
        metrics = Metrics().talk
        spoken = (
            Greeting(greeting, FakeSpeechStreams(), token="t", voice_id="echo_1", config=SpeechConfig()) if greeting else None
        )
        conversation = SpokenConversation(
            client,
            listener,
            Transcripts(client.send, listener, heard, "en", partial_seconds),
            Replying(client, listener, "pcm_16000", replies.open, spoken, metrics),
            ConversationLimits(**limits),
            metrics,
        )
        running = asyncio.create_task(conversation.run())
        try:
            yield Talk(client, listener, heard, replies, running)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert replies.open_now == 0

    return started


async def test_an_utterance_is_transcribed_and_answered(start: Start) -> None:
    async with start("One.", "Two.") as talk:
        talk.speak()
        ended = await talk.client.received("reply_ended")
        await talk.hang_up()
    turn = ["speech_started", "speech_ended", "transcript", "reply_started"]
    assert talk.client.types() == [*turn, *["delta", "sentence", "audio", "pcm"] * 2, "reply_ended"]
    assert talk.client.of_type("transcript")[0]["text"] == "Hello."
    assert talk.replies.opened[0].text == "Hello."
    assert ended["duration"] == 0.6
    assert talk.client.audio == b"\1\0" * 4_800 + b"\2\0" * 4_800
    assert talk.listener.played == talk.client.audio


async def test_noise_is_not_answered(start: Start) -> None:
    async with start(transcriber=FakeTranscriber(["", "Hi."])) as talk:
        talk.speak()
        assert (await talk.client.received("transcript"))["text"] == ""
        talk.speak()
        await talk.client.received("reply_started")
    assert [reply.text for reply in talk.replies.opened] == ["Hi."]


async def test_speech_over_a_reply_interrupts_it_and_keeps_the_heard_part(start: Start) -> None:
    async with start(*["A sentence."] * 20, seconds=1.0) as talk:
        talk.speak()
        await talk.client.received("pcm", 12)
        talk.client.say(SPEECH)
        interrupted = await talk.client.received("interrupted")
        position = len(talk.client.frames)
        talk.client.say('{"type": "played", "reply": 1, "seconds": 0.75}')
        await eventually(lambda: talk.replies.opened[0].heard is not None)
        assert talk.replies.opened[0].heard == pytest.approx(0.75)
        assert interrupted["reply"] == 1
        assert talk.replies.opened[0].stopped.is_set()
        assert talk.listener.stops == 1
        assert talk.client.frames[position:] in ([], [{"type": "speech_started"}])
        talk.client.say(SILENCE)
        assert (await talk.client.received("reply_started", 2))["reply"] == 2


async def test_audio_is_sent_at_most_two_seconds_ahead(start: Start) -> None:
    async with start(*["A sentence."] * 20, seconds=1.0) as talk:
        talk.speak()
        await talk.client.received("pcm", 19)
        await asyncio.sleep(0.05)
        sent = len(talk.client.audio) / 32_000
        assert sent < 4
        await talk.hang_up()
    assert talk.replies.opened[0].heard is not None
    assert talk.replies.opened[0].heard < sent


async def test_without_a_report_the_heard_part_is_estimated(start: Start) -> None:
    async with start(*["A sentence."] * 20, seconds=1.0) as talk:
        talk.speak()
        await talk.client.received("pcm", 15)
        talk.client.say('{"type": "interrupt"}')
        await talk.client.received("interrupted")
        await eventually(lambda: talk.replies.opened[0].heard is not None)
    assert talk.replies.opened[0].heard is not None
    assert 0 <= talk.replies.opened[0].heard < 1.5


async def test_speech_before_the_reply_belongs_to_the_same_message(start: Start) -> None:
    held = asyncio.Event()
    async with start(transcriber=FakeTranscriber(["I would like", "to know more."], wait=held)) as talk:
        talk.speak()
        await talk.client.received("speech_ended")
        talk.client.say(SPEECH)
        await talk.client.received("speech_started", 2)
        held.set()
        await talk.client.received("transcript")
        talk.client.say(SILENCE)
        await talk.client.received("reply_started")
    assert [reply.text for reply in talk.replies.opened] == ["I would like to know more."]


async def test_the_greeting_is_spoken_first_and_can_be_interrupted(start: Start) -> None:
    async with start(greeting="Good morning, my friend. How are you?") as talk:
        await talk.client.received("sentence", 1)
        assert talk.client.of_type("reply_started") == [{"type": "reply_started", "reply": 1, "message_id": None}]
        talk.speak()
        assert (await talk.client.received("reply_started", 2))["message_id"] is not None


async def test_partial_transcripts_are_sent_during_an_utterance(start: Start) -> None:
    heard = FakeTranscriber(["I", "I", "I would", "I would like tea."])
    async with start(transcriber=heard, partial_seconds=0.01) as talk:
        talk.client.say(SPEECH, SPEECH)
        await talk.client.received("transcript", 2)
        heard.texts = ["I would like tea."]
        talk.client.say(SILENCE)
        await talk.client.received("reply_started")
    found = [(frame["kind"], frame["text"]) for frame in talk.client.of_type("transcript")]
    assert found[:2] == [("partial", "I"), ("partial", "I would")]
    assert talk.replies.opened[0].text == found[-1][1]
    assert found[-1][0] == "final"


async def test_few_utterances_wait_for_their_transcript(start: Start) -> None:
    held = asyncio.Event()
    async with start(transcriber=FakeTranscriber(wait=held), message_seconds=0.001) as talk:
        for _ in range(12):
            talk.speak()
        await talk.client.received("speech_ended", 6)
        await asyncio.sleep(0.05)
        assert len(talk.client.of_type("speech_ended")) == 6  # one in progress, four wait, one waits to be queued
        held.set()
        await talk.client.received("speech_ended", 12)


async def test_an_exceeded_quota_ends_the_conversation(start: Start) -> None:
    async with start() as talk:
        talk.replies.failure = QuotaExceededError()
        talk.speak()
        with pytest.raises(QuotaExceededError):
            await talk.running


async def test_a_reply_that_fails_is_reported_and_the_conversation_goes_on(start: Start) -> None:
    async with start() as talk:
        talk.replies.failure = ChatTimeoutError()
        talk.speak()
        assert (await talk.client.received("error"))["code"] == "CHAT_TIMEOUT"
        talk.replies.failure, talk.replies.reply_failure = None, ChatTimeoutError()
        talk.speak()
        await talk.client.received("error", 2)
        assert talk.client.types()[-2:] == ["reply_ended", "error"]
        talk.replies.reply_failure = None
        talk.speak()
        await talk.client.received("reply_ended", 2)


async def test_a_conversation_ends_though_its_reply_cannot_be_stored(start: Start) -> None:
    async with start(*["A sentence."] * 20, seconds=1.0) as talk:
        talk.replies.reply_failure = ServiceUnavailableError()
        talk.speak()
        await talk.client.received("pcm", 5)
        await asyncio.wait_for(talk.hang_up(), 10)
    assert talk.replies.opened[0].heard is not None
    assert talk.client.of_type("error") == []


async def test_an_echo_that_was_deleted_ends_the_conversation(start: Start) -> None:
    async with start() as talk:
        talk.replies.failure = EchoNotFoundError()
        talk.speak()
        with pytest.raises(EchoNotFoundError):
            await talk.running


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (MALFORMED, ValidationError),
        (CRASH, ListeningLostError),
        (bytes(64 * 1024 + 1), BodyTooLargeError),
        ("{", ValidationError),
        ("[]", ValidationError),
        ('{"type": "dance"}', ValidationError),
        ('{"type": "played", "reply": -1, "seconds": 1}', ValidationError),
        ('{"type": "start"}', ValidationError),
        ("", ValidationError),
        ("null", ValidationError),
        ('"\\ud800"', ValidationError),
        ("[" * 10_000, ValidationError),
        ('{"type": "interrupt", "now": true}', ValidationError),
        ('{"type": "played", "reply": 1, "seconds": NaN}', ValidationError),
        ('{"type": "played", "reply": 1, "seconds": 1e999}', ValidationError),
        ('{"type": "played", "reply": 1.5, "seconds": 1}', ValidationError),
        ("x" * (64 * 1024 + 1), BodyTooLargeError),
    ],
)
async def test_frames_that_are_not_valid_end_the_conversation(
    message: str | bytes, error: type[Exception], start: Start
) -> None:
    async with start() as talk:
        talk.client.say(message)
        with pytest.raises(error):
            await talk.running


@pytest.mark.parametrize("seed", range(5))
async def test_valid_frames_in_any_order_are_no_error(seed: int, start: Start) -> None:
    frames: list[str | bytes] = [
        '{"type": "interrupt"}',
        '{"type": "played", "reply": 1, "seconds": 0.1}',
        '{"type": "played", "reply": 99, "seconds": 3600}',
        SPEECH,
        SILENCE,
    ]
    async with start("One.", "Two.", seconds=0.02, message_seconds=0.001, greeting="Welcome!") as talk:
        talk.client.say(*random.Random(seed).choices(frames, k=30), '{"type": "end"}')
        await talk.running
    assert talk.client.of_type("error") == []


async def test_audio_that_arrives_too_fast_ends_the_conversation(start: Start) -> None:
    async with start(message_seconds=2.0) as talk:
        talk.client.say(*[SILENCE] * 10)
        with pytest.raises(RateLimitedError):
            await talk.running


@pytest.mark.parametrize("limit", ["idle_seconds", "longest_seconds"])
async def test_a_conversation_has_a_time_limit(limit: str, start: Start) -> None:
    async with start(**{limit: 0.05}) as talk:
        with pytest.raises(RequestTimeoutError):
            await talk.running


@pytest.mark.parametrize("goodbye", [None, '{"type": "end"}'])
async def test_the_end_of_a_conversation_interrupts_its_reply(goodbye: Any, start: Start) -> None:
    async with start(*["A sentence."] * 20, seconds=1.0) as talk:
        talk.speak()
        await talk.client.received("pcm", 5)
        talk.client.say(goodbye)
        await talk.running
        assert talk.replies.opened[0].heard is not None
        assert talk.replies.opened[0].closed


async def test_the_first_frame_must_be_start() -> None:
    client = FakeClient()
    client.say('{"type": "start", "input": "opus_48000", "vad": {"silence_seconds": 1}}', '{"type": "end"}', b"", "{", None)
    started = await receive_start(client)
    assert started is not None
    assert (started.input, started.output, started.vad.silence_seconds) == ("opus_48000", "pcm_24000", 1)
    for _ in range(3):
        with pytest.raises(EchoError):
            await receive_start(client)
    assert await receive_start(client) is None
