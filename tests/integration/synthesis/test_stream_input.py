"""Speech of a text that is still being written, over the WebSocket of the service."""

import json
from contextlib import aclosing
from typing import Any

import pytest
from starlette.websockets import WebSocket, WebSocketState

from echo_common.contracts.http.stream_input import StartStream
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.errors import ValidationError
from echo_synthesis.pipeline.growing_narration import Flush
from echo_synthesis.usecases.speech import request_of, stream_speech
from echo_synthesis.usecases.stream_input import open_text_stream
from tests.support.eventually import eventually
from tests.support.stream_input import PCM, Heard, joined, spoken
from tests.support.synthesis_replica import principal_of
from tests.support.synthesis_server import StartSynthesis, SynthesisServer

TEXT = "Hello there. How are you? It cost $3.50, Dr. Smith said. Fine"


async def test_sentences_are_spoken_as_one_file_with_times_of_the_whole(synthesis_server: SynthesisServer) -> None:
    heard = await spoken(synthesis_server, TEXT)
    assert heard.close_code == 1000
    assert [frame["text"] for frame in heard.of("audio") if frame["text"]] == [
        "Hello there.",
        "How are you?",
        "It cost $3.50, Dr. Smith said.",
        "Fine",
    ]
    assert [TEXT[word["char_start"] : word["char_end"]] for word in heard.words] == [word["word"] for word in heard.words]
    done = heard.last
    assert (done["type"], done["sentences"], done["characters"]) == ("done", 4, len(TEXT))
    assert len(heard.audio) / 2 / 16_000 == pytest.approx(done["duration"], abs=0.01)
    assert (done["voice_id"], done["engine"], done["language"]) == ("tone_low", "tone", "en-US")


async def test_the_speech_is_that_of_the_whole_text(synthesis_server: SynthesisServer) -> None:
    heard = await spoken(synthesis_server, *TEXT)
    config = SpeechConfig.model_validate(PCM)
    request = request_of(TEXT, None, "tone_low", config)
    parts = [part async for part in await stream_speech(request, principal_of("usr_ada"), synthesis_server.deps)]
    assert heard.audio == b"".join(part.audio for part in parts)
    whole = [(word.word, word.start, word.end, word.char_start) for part in parts for word in part.words]
    assert [(w["word"], w["start_time"], w["end_time"], w["char_start"]) for w in heard.words] == whole


async def test_frames_are_at_most_64_kib(synthesis_server: SynthesisServer) -> None:
    text = " ".join(["internationalisation"] * 19)
    config = {"output_format": "pcm", "sample_rate": 48_000, "speed": 0.5, "timestamp_granularity": "both"}
    heard = await spoken(synthesis_server, text, config=config)
    assert len(heard.audio) > 3 * 65_536
    assert max(frame["bytes"] for frame in heard.of("audio")) == 65_536
    assert [word["word"] for word in heard.words] == text.split()
    assert " ".join(filter(None, (frame["text"] for frame in heard.of("audio")))) == text
    assert sum(frame["duration"] for frame in heard.of("audio")) == pytest.approx(heard.last["duration"], abs=0.001)


async def test_the_first_phrase_is_spoken_alone_with_low_latency(synthesis_server: SynthesisServer) -> None:
    text = "The old baker carried a lantern over the bridge and sang quietly. Then he left."
    heard = await spoken(synthesis_server, *text, latency="low")
    normal = await spoken(synthesis_server, text)
    assert [frame["text"] for frame in heard.of("audio") if frame["text"]][:2] == [
        "The old baker carried",
        "a lantern over the bridge and sang quietly.",
    ]
    assert heard.last["sentences"] == normal.last["sentences"] == 2
    assert [(w["word"], w["char_start"]) for w in heard.words] == [(w["word"], w["char_start"]) for w in normal.words]
    assert len(heard.audio) / 32_000 == pytest.approx(heard.last["duration"], abs=0.01)


async def test_flushes_that_wait_for_their_speech_are_bounded(synthesis_server: SynthesisServer) -> None:
    start = StartStream(type="start", voice_id="tone_low")
    async with open_text_stream(start, principal_of("usr_ada"), synthesis_server.deps) as stream:
        for _ in range(1_000):
            stream.flush()
        with pytest.raises(ValidationError):
            stream.flush()
        async with aclosing(stream.speech()) as parts:
            assert isinstance(await anext(parts), Flush)
        stream.flush()


async def test_flushed_text_is_spoken_before_more_arrives(synthesis_server: SynthesisServer) -> None:
    async with joined(synthesis_server) as client:
        await client.start()
        await client.send("text", text="Wait for")
        await client.send("flush")
        await client.until("flushed")
        assert [frame["text"] for frame in client.heard.of("audio")] == ["Wait for"]
        await client.send("text", text=" me.")
        await client.send("end")
        heard = await client.rest()
    assert [word["word"] for word in heard.words] == ["Wait", "for", "me"]
    assert [word["char_start"] for word in heard.words] == [0, 5, 9]
    assert heard.last["type"] == "done"


async def test_a_stream_without_words_ends_without_audio(synthesis_server: SynthesisServer) -> None:
    async with joined(synthesis_server) as client:
        await client.start()
        await client.send("flush")
        await client.until("flushed")
        await client.send("text", text=" *** \n\n")
        await client.send("end")
        heard = await client.rest()
    assert (heard.audio, heard.last["duration"], heard.last["sentences"]) == (b"", 0.0, 0)
    assert heard.close_code == 1000


async def test_a_cancelled_stream_sends_nothing_more(synthesis_server: SynthesisServer) -> None:
    async with joined(synthesis_server) as client:
        await client.start()
        await client.send("text", text="".join(f"Then {number} tone-slow-250 it is. " for number in range(10, 40)))
        await client.until("audio")
        await client.send("cancel")
        heard = await client.rest()
    assert (heard.last["type"], heard.close_code) == ("cancelled", 1000)
    assert len(heard.of("audio")) < 10
    await eventually(lambda: idle(synthesis_server))


async def test_a_client_that_has_gone_when_its_stream_is_cancelled_is_no_failure(
    synthesis_server: SynthesisServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    send = WebSocket.send_text

    async def send_or_find_it_gone(websocket: WebSocket, text: str) -> None:
        if "cancelled" in text:
            websocket.application_state = WebSocketState.DISCONNECTED  # as after a frame that could not be sent
        await send(websocket, text)

    monkeypatch.setattr(WebSocket, "send_text", send_or_find_it_gone)
    async with joined(synthesis_server) as client:
        await client.start()
        await client.send("cancel")
        assert (await client.rest()).of("error") == []
    assert "request_failed" not in capsys.readouterr().out


async def test_a_client_that_disconnects_frees_the_engine(synthesis_server: SynthesisServer) -> None:
    async with joined(synthesis_server) as client:
        await client.start()
        await client.send("text", text="".join(f"Then {number} tone-slow-1000 it is. " for number in range(10, 40)))
        await eventually(lambda: not idle(synthesis_server))
        assert client.socket._response.connection is not None
        transport = client.socket._response.connection.transport
        assert transport is not None
        transport.abort()
    await eventually(lambda: idle(synthesis_server), within=5)


def idle(server: SynthesisServer) -> bool:
    health = server.deps.pool.health()["tone"]
    return not health.queued and not health.workers_busy


async def refused(server: SynthesisServer, *frames: str | bytes, start: bool = True) -> Heard:
    """Send frames and return all frames up to the end of the connection."""
    async with joined(server) as client:
        if start:
            await client.start()
        for frame in frames:
            await (client.socket.send_str(frame) if isinstance(frame, str) else client.socket.send_bytes(frame))
        return await client.rest()


@pytest.mark.parametrize(
    ("frame", "code", "told"),
    [
        ("{", "INVALID_JSON", "JSON"),
        ("[]", "VALIDATION_ERROR", "type"),
        ('{"type": "sing"}', "VALIDATION_ERROR", "start, text, flush, end, cancel"),
        ('{"type": "text"}', "VALIDATION_ERROR", "text"),
        ('{"type": "text", "text": "a", "loud": true}', "VALIDATION_ERROR", "loud"),
        ('{"type": "text", "text": "\\ud800."}', "INVALID_JSON", "JSON"),
        ('{"type": "start"}', "VALIDATION_ERROR", "started already"),
        (b"audio", "VALIDATION_ERROR", "binary"),
        (json.dumps({"type": "text", "text": "Hello \x07. You"}), "VALIDATION_ERROR", "U+0007"),
    ],
    ids=[
        "no JSON",
        "no object",
        "unknown type",
        "no text",
        "unknown field",
        "half a surrogate",
        "second start",
        "binary",
        "bell",
    ],
)
async def test_invalid_frames_are_refused(synthesis_server: SynthesisServer, frame: str | bytes, code: str, told: str) -> None:
    heard = await refused(synthesis_server, frame)
    assert (heard.last["type"], heard.last["code"], heard.close_code) == ("error", code, 1008)
    assert told in heard.last["message"]
    assert heard.last["request_id"]


async def test_a_frame_over_the_limit_is_refused(synthesis_server: SynthesisServer) -> None:
    heard = await refused(synthesis_server, json.dumps({"type": "text", "text": "a" * 70_000}))
    assert (heard.last["code"], heard.close_code) == ("BODY_TOO_LARGE", 1009)


async def test_text_after_the_end_is_refused(synthesis_server: SynthesisServer) -> None:
    async with joined(synthesis_server) as client:
        await client.start()
        await client.send("text", text="tone-slow-1000.")
        await client.send("end")
        await client.send("text", text="More.")
        heard = await client.rest()
    assert (heard.last["code"], heard.close_code) == ("VALIDATION_ERROR", 1008)
    assert "ended" in heard.last["message"]


@pytest.mark.parametrize(
    ("start", "code"),
    [
        ({"voice_id": "nobody"}, "VOICE_NOT_FOUND"),
        ({"config": {"ssml": True}}, "VALIDATION_ERROR"),
        ({"config": {"output_format": "mp3", "sample_rate": 9_000}}, "VALIDATION_ERROR"),
        ({"config": {"engine": "kokoro"}}, "VALIDATION_ERROR"),
        ({"config": {"loudness": 1}}, "VALIDATION_ERROR"),
        ({"latency": "none"}, "VALIDATION_ERROR"),
    ],
)
async def test_invalid_options_are_refused(synthesis_server: SynthesisServer, start: dict[str, Any], code: str) -> None:
    frame = json.dumps({"type": "start", "voice_id": "tone_low", **start})
    heard = await refused(synthesis_server, frame, start=False)
    assert ([frame["type"] for frame in heard.frames], heard.last["code"], heard.close_code) == (["error"], code, 1008)


async def test_text_before_the_start_is_refused(synthesis_server: SynthesisServer) -> None:
    heard = await refused(synthesis_server, '{"type": "text", "text": "a"}', start=False)
    assert "start" in heard.last["message"]


async def test_ssml_is_refused(synthesis_server: SynthesisServer) -> None:
    heard = await refused(synthesis_server, json.dumps({"type": "text", "text": "<speak>Hello. You.</speak>"}))
    assert "SSML" in heard.last["message"]


async def test_plain_text_may_begin_as_ssml(synthesis_server: SynthesisServer) -> None:
    heard = await spoken(synthesis_server, "<speak>Hello there", config={**PCM, "ssml": False})
    assert heard.last["type"] == "done"
    assert [word["word"] for word in heard.words][-2:] == ["Hello", "there"]


async def test_a_text_over_the_limit_is_refused(start_synthesis: StartSynthesis) -> None:
    async with start_synthesis(max_characters=10) as server:
        heard = await refused(server, '{"type": "text", "text": "Hello."}', '{"type": "text", "text": " you."}')
    assert (heard.last["code"], heard.close_code) == ("VALIDATION_ERROR", 1008)
    assert "10 characters" in heard.last["message"]


async def test_connections_that_send_nothing_are_closed(
    synthesis_server: SynthesisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echo_synthesis.api.stream_input._START_SECONDS", 0.1)
    heard = await refused(synthesis_server, start=False)
    assert "start" in heard.last["message"]
    monkeypatch.setattr("echo_synthesis.api.stream_input._IDLE_SECONDS", 0.1)
    heard = await refused(synthesis_server, '{"type": "text", "text": "Now tone-slow-500 it is. No"}')
    assert [word["word"] for word in heard.words] == ["Now", "tone-slow-500", "it", "is"]
    assert (heard.last["code"], heard.close_code) == ("VALIDATION_ERROR", 1008)


async def test_a_failure_of_the_engine_ends_the_stream_and_is_reported(synthesis_server: SynthesisServer) -> None:
    heard = await spoken(synthesis_server, "First. Then tone-fail. Last.")
    assert (heard.last["type"], heard.last["code"], heard.close_code) == ("error", "ENGINE_FAILED", 1011)
    assert [word["word"] for word in heard.words] == ["First"]
