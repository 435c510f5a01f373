"""Tests of streamed speech."""

import asyncio
import base64
import json
from typing import Any

import httpx
import numpy as np
import pytest

from tests.support.eventually import eventually
from tests.support.person import Person, data, refusal
from tests.support.platform import Platform
from tests.support.sound import decode, seconds

STREAM = "/tts/synthesize/stream"
TEXT = "One two three. Four five six seven. Eight nine. Ten eleven twelve thirteen."
FORMATS = ["wav", "mp3", "flac", "ogg", "aac", "pcm", "mulaw"]
FRAMES = {"mp3": 2 * 1152, "aac": 3 * 1024}


async def streamed(person: Person, text: str = TEXT, accept: str = "*/*", **config: Any) -> httpx.Response:
    body = {"text": text, "voice_id": "tone_low", "config": config}
    return await person.http.post(STREAM, json=body, headers={"Accept": accept})


def events(response: httpx.Response) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for block in response.text.strip().split("\n\n"):
        name, body = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(body.removeprefix("data: "))))
    return found


@pytest.mark.parametrize("output_format", FORMATS)
async def test_every_format_streams_a_complete_file_without_discontinuities(output_format: str, ada: Person) -> None:
    stored = await ada.speak(TEXT, output_format=output_format, sample_rate=24_000)
    response = await streamed(ada, output_format=output_format, sample_rate=24_000)
    assert response.status_code == 200
    samples, rate = decode(response.content, output_format, 24_000)
    assert abs(len(samples) - stored["duration"] * rate) <= FRAMES.get(output_format, 0) + 2
    # a beep fades in and out over 10 ms: a seam that clicks or leaves something out is a step it never makes
    assert np.abs(np.diff(samples)).max() < 0.12
    file = (await ada.audio(stored)).content
    assert seconds(file, output_format, 24_000) == pytest.approx(
        stored["duration"], abs=FRAMES.get(output_format, 0) / rate + 0.01
    )


async def test_events_contain_the_same_bytes_and_word_timings(ada: Person) -> None:
    stored = await ada.speak(TEXT, output_format="mp3")
    told = events(await streamed(ada, accept="text/event-stream", output_format="mp3"))

    *parts, (last, end) = told
    assert (last, {name for name, _ in parts}) == ("done", {"audio"})
    whole = b"".join(base64.b64decode(part["audio"]) for _, part in parts)
    assert whole == (await streamed(ada, output_format="mp3")).content
    words = [word for _, part in parts for word in part["word_timestamps"]]
    assert words == stored["word_timestamps"]
    assert (end["duration"], end["units"]) == (stored["duration"], 4)
    assert len(parts) >= 4

    async def all_cached() -> bool:
        """Wait until every replica has the users of all segments."""
        _, end = events(await streamed(ada, accept="text/event-stream", output_format="mp3"))[-1]
        return bool(end["cached_units"] == 4)

    await eventually(all_cached)


async def test_the_first_sentence_is_sent_before_the_second_is_synthesised(ada: Person) -> None:
    body = {"text": "First one. Then tone-hang for good.", "voice_id": "tone_low", "config": {"output_format": "pcm"}}
    heard = 0
    async with asyncio.timeout(20), ada.http.stream("POST", STREAM, json=body) as response:
        async for block in response.aiter_bytes():
            heard += len(block)
            if heard > 1_000:
                break
    assert heard > 1_000


async def test_early_failures_have_a_status_and_late_failures_break_the_stream(ada: Person) -> None:
    assert refusal(await streamed(ada, "tone-fail here."))[0] == 500
    for accept in ("*/*", "text/event-stream"):
        with pytest.raises(httpx.RemoteProtocolError):
            await streamed(ada, "Well begun. Then tone-fail here.", accept=accept)


async def test_tickets_replace_the_token_once(platform: Platform, ada: Person) -> None:
    ticket = data(await ada.http.post(f"{STREAM}/ticket"))
    query = {"text": "Heard by a page.", "voice_id": "tone_low", "output_format": "wav", "pitch": "1.5"}
    async with Person.at(platform.url) as page:
        assert refusal(await page.http.get(STREAM, params=query)) == (401, "UNAUTHENTICATED")
        heard = await page.http.get(f"{platform.url}{ticket['stream_url']}", params={**query, "ticket": ticket["ticket"]})
        assert (heard.status_code, heard.headers["Content-Type"]) == (200, "audio/wav")
        again = await page.http.get(STREAM, params={**query, "ticket": ticket["ticket"]})
        made_up = await page.http.get(STREAM, params={**query, "ticket": "x" * 43})
        assert refusal(again) == refusal(made_up) == (401, "TICKET_INVALID")
    own = await ada.http.get(STREAM, params=query)
    assert own.content == heard.content


async def test_concurrent_uses_of_a_ticket_succeed_once(platform: Platform, ada: Person) -> None:
    ticket = data(await ada.http.post(f"{STREAM}/ticket"))["ticket"]
    query = {"text": "Who is first?", "voice_id": "tone_low", "ticket": ticket}
    async with Person.at(platform.url) as page:
        answers = await asyncio.gather(*(page.http.get(STREAM, params=query) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


async def test_the_url_form_accepts_every_option_and_no_other(ada: Person) -> None:
    query = {"text": "Chapter 4.", "voice_id": "tone_low"}
    events = {"Accept": "text/event-stream"}
    heard = await ada.http.get(
        STREAM, params={**query, "normalize": False, "timestamp_granularity": "syllable"}, headers=events
    )
    assert (heard.status_code, '"syllable"' in heard.text) == (200, True)
    assert refusal(await ada.http.get(STREAM, params={**query, "language": "de"})) == (422, "VALIDATION_ERROR")
    assert refusal(await ada.http.get(STREAM, params={**query, "sped": 2})) == (422, "VALIDATION_ERROR")


async def test_streams_take_a_text_or_a_text_entry(ada: Person) -> None:
    assert refusal(await ada.http.get(STREAM, params={"voice_id": "tone_low"})) == (422, "VALIDATION_ERROR")


async def test_pitch_changes_keep_the_pace(ada: Person) -> None:
    plain, high = [await ada.speak(TEXT, pitch=pitch, sample_rate=16_000) for pitch in (1.0, 1.5)]
    assert plain["duration"] == high["duration"]
    assert plain["word_timestamps"] == high["word_timestamps"]

    def hertz(content: bytes) -> float:
        samples, rate = decode(content, "wav", 16_000)
        spectrum = np.abs(np.fft.rfft(samples))
        return float(np.argmax(spectrum)) * rate / len(samples)

    assert hertz((await ada.audio(high)).content) == pytest.approx(1.5 * hertz((await ada.audio(plain)).content), rel=0.02)
