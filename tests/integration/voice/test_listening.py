"""The processes of spoken conversations: they hear and transcribe speech, and their end is reported."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import soxr

from echo_common.contracts.errors.chat import RecogniserMissingError
from echo_voice.analysis.recogniser import find_packaged_recogniser
from echo_voice.talk.codecs import MalformedAudioError
from echo_voice.talk.detector import VoiceActivity
from echo_voice.talk.listening import ListeningLostError, SandboxedListeners, Utterance
from echo_voice.talk.transcription import SandboxedTranscriber
from tests.support.loudspeaker import interruption, messages, mixed, pcm, reply, through_room
from tests.support.recordings import RATE, spoken
from tests.support.talk import listening

LISTENERS = SandboxedListeners()


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(16_000 * seconds), np.float32)


async def test_an_utterance_is_heard_and_its_process_ends_with_the_conversation() -> None:
    spoken_twice = np.concatenate([silence(0.5), interruption(), silence(1)])
    async with LISTENERS.open("pcm_16000", "pcm_16000", VoiceActivity()) as listener:
        events: list[object] = []
        seconds, so_far = 0.0, b""
        for message in messages(spoken_twice):
            heard = await listener.hear(message)
            events += heard.events
            seconds += heard.seconds
            if heard.events == ["started"]:
                so_far = await listener.utterance()
        assert len(listening()) == 1
    assert seconds == pytest.approx(len(spoken_twice) / 16_000)
    assert events[0] == "started"
    assert isinstance(events[1], Utterance)
    assert 0 < len(so_far) < len(events[1].pcm)
    assert len(events) == 2
    assert listening() == []


async def test_a_reply_in_the_microphone_is_not_heard() -> None:
    echo = through_room(reply(), delay_seconds=0.1, decibels=-10)
    async with LISTENERS.open("pcm_16000", "pcm_16000", VoiceActivity()) as listener:
        await listener.play(pcm(reply()))
        assert [event for message in messages(echo) for event in (await listener.hear(message)).events] == []
        await listener.stop_playing()
        person = mixed(silence(1), interruption(), 1.0)
        assert "started" in [event for message in messages(person) for event in (await listener.hear(message)).events]


async def test_malformed_audio_is_refused_and_the_listener_continues() -> None:
    async with LISTENERS.open("opus_48000", "pcm_24000", VoiceActivity()) as listener:
        with pytest.raises(MalformedAudioError, match="not an Opus packet"):
            await listener.hear(b"\xff" * 5)
        assert (await listener.hear(b"\xfc")).seconds == pytest.approx(0.02, abs=0.02)


async def test_the_end_of_a_process_is_reported() -> None:
    async with LISTENERS.open("pcm_16000", "pcm_16000", VoiceActivity()) as listener:
        for process in listening():
            process.kill()
        with pytest.raises(ListeningLostError):
            await listener.hear(bytes(640))
    assert listening() == []


async def test_a_cancelled_conversation_ends_its_process() -> None:
    open_now = asyncio.Event()

    async def talk() -> None:
        async with LISTENERS.open("pcm_16000", "pcm_16000", VoiceActivity()):
            open_now.set()
            await asyncio.sleep(60)

    talking = asyncio.create_task(talk())
    await open_now.wait()
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    assert listening() == []


@pytest.fixture
async def transcriber() -> AsyncIterator[SandboxedTranscriber]:
    async with SandboxedTranscriber.open(find_packaged_recogniser(), 1) as opened:
        yield opened


async def test_speech_is_transcribed_and_noise_is_not(transcriber: SandboxedTranscriber) -> None:
    assert transcriber.available
    sound = np.asarray(soxr.resample(spoken("It is easy to tell the depth of a well."), RATE, 16_000), np.float32)
    assert "easy to tell" in (await transcriber.transcribe(pcm(sound), "en-US")).lower()
    noise = 0.01 * np.random.default_rng(1).standard_normal(16_000).astype(np.float32)
    assert await transcriber.transcribe(pcm(noise), "en") == ""
    assert await transcriber.transcribe(pcm(silence(1)), None) == ""


async def test_without_a_recogniser_the_error_names_the_remedy() -> None:
    async with SandboxedTranscriber.open(None, 1) as transcriber:
        assert not transcriber.available
        with pytest.raises(RecogniserMissingError, match="extra `recogniser`"):
            await transcriber.transcribe(b"", None)
