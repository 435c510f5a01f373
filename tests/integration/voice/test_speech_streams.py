"""Streams of speech: the synthesis service with the tone engine, and the fake of other tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.errors import EchoError, ServiceUnavailableError
from echo_common.http.client import RemoteError, ServiceClient
from echo_voice.remote_speech_streams import NoSpeechStreams, RemoteSpeechStreams
from echo_voice.speech_stream import SpeechStreams, SpokenSentence
from tests.support.eventually import eventually
from tests.support.speech_stream import FakeSpeechStreams
from tests.support.synthesis_server import StartSynthesis, SynthesisServer

CONFIG = SpeechConfig.model_validate({"output_format": "pcm", "sample_rate": 16_000})
TEXT = "Hello there. How are you today? I am fine"


@asynccontextmanager
async def remote(start: StartSynthesis) -> AsyncIterator[tuple[SpeechStreams, str, SynthesisServer]]:
    async with start() as server, ServiceClient.open("synthesis", server.url) as client:
        yield RemoteSpeechStreams(client), server.token(), server


@pytest.fixture(params=["fake", "remote"])
async def streams(request: pytest.FixtureRequest) -> AsyncIterator[tuple[SpeechStreams, str]]:
    """Streams and the token of their user."""
    if request.param == "fake":
        yield FakeSpeechStreams(), "token"
        return
    async with remote(request.getfixturevalue("start_synthesis")) as (found, token, _):
        yield found, token


async def test_sentences_are_spoken_in_order_with_times_of_the_whole(streams: tuple[SpeechStreams, str]) -> None:
    opener, token = streams
    async with opener.open(token=token, voice_id="tone_low", config=CONFIG) as stream:
        for letter in TEXT:
            await stream.write(letter)
        await stream.end()
        spoken = [sentence async for sentence in stream]
    assert " ".join(sentence.text for sentence in spoken if sentence.text) == TEXT
    assert [word.word for sentence in spoken for word in sentence.words] == TEXT.replace(".", "").replace("?", "").split()
    assert [sentence.number for sentence in spoken] == sorted(sentence.number for sentence in spoken)
    assert_continuous(spoken)


def assert_continuous(spoken: list[SpokenSentence]) -> None:
    at = 0.0
    for sentence in spoken:
        assert sentence.start_seconds == pytest.approx(at, abs=0.001)
        at += sentence.duration_seconds
        assert all(sentence.start_seconds <= word.start_time <= word.end_time <= at + 0.001 for word in sentence.words)
    assert sum(len(sentence.audio) for sentence in spoken)


async def test_a_sentence_is_spoken_while_the_text_is_still_being_written(streams: tuple[SpeechStreams, str]) -> None:
    opener, token = streams
    async with opener.open(token=token, voice_id="tone_low", config=CONFIG) as stream:
        await stream.write("Hello there. How are ")
        spoken = aiter(stream)
        assert (await anext(spoken)).text == "Hello there."
        await stream.write("you?")
        await stream.end()
        assert (await anext(spoken)).text == "How are you?"


async def test_speech_that_is_not_read_is_cancelled(start_synthesis: StartSynthesis) -> None:
    async with remote(start_synthesis) as (streams, token, server):
        async with streams.open(token=token, voice_id="tone_low", config=CONFIG) as stream:
            await stream.write("".join(f"Then {number} tone-slow-1000 it is. " for number in range(10, 40)))
            await anext(aiter(stream))
        await eventually(lambda: not server.deps.pool.health()["tone"].queued)


async def test_options_that_are_not_stated_are_left_to_synthesis(start_synthesis: StartSynthesis) -> None:
    """Values that a request states take precedence over those of an echo."""
    async with remote(start_synthesis) as (streams, token, _):
        stated = SpeechConfig.model_validate({"output_format": "pcm", "speed": 2.0})
        spoken = []
        for config in (SpeechConfig.model_validate({"output_format": "pcm"}), stated):
            async with streams.open(token=token, voice_id="tone_low", config=config) as stream:
                await stream.write("Hello.")
                await stream.end()
                spoken.append((await anext(aiter(stream))).duration_seconds)
    assert spoken[1] == pytest.approx(spoken[0] / 2, rel=0.1)


@pytest.mark.parametrize(
    ("voice_id", "token", "code"), [("nobody", None, "VOICE_NOT_FOUND"), ("tone_low", "x", "INVALID_TOKEN")]
)
async def test_a_refused_stream_does_not_open(
    start_synthesis: StartSynthesis, voice_id: str, token: str | None, code: str
) -> None:
    async with remote(start_synthesis) as (streams, valid, _):
        with pytest.raises(RemoteError) as refused:
            async with streams.open(token=token or valid, voice_id=voice_id, config=CONFIG):
                pass
    assert refused.value.code == code
    assert refused.value.status in {401, 404}


async def test_a_failure_is_raised_after_the_speech_before_it(start_synthesis: StartSynthesis) -> None:
    async with (
        remote(start_synthesis) as (streams, token, _),
        streams.open(token=token, voice_id="tone_low", config=CONFIG) as stream,
    ):
        await stream.write("First. Then tone-fail. Last.")
        await stream.end()
        spoken = aiter(stream)
        assert (await anext(spoken)).text == "First."
        with pytest.raises(RemoteError) as failed:
            await anext(spoken)
    assert (failed.value.code, failed.value.status) == ("ENGINE_FAILED", 500)


async def test_a_stream_that_breaks_off_raises_an_error(start_synthesis: StartSynthesis) -> None:
    async with ServiceClient.open("synthesis", "http://127.0.0.1:9") as client:
        with pytest.raises(ServiceUnavailableError):
            async with RemoteSpeechStreams(client).open(token="t", voice_id="tone_low", config=CONFIG):
                pass


async def test_without_a_synthesis_service_streams_are_refused() -> None:
    with pytest.raises(EchoError, match="ECHO_VOICE_SYNTHESIS_URL"):
        NoSpeechStreams().open(token="t", voice_id="tone_low", config=CONFIG)
