"""Tests of Gemini through its real SDK: only complete responses are speech."""

import asyncio
import json
import threading
from pathlib import Path

import pytest

from echo_common.contracts.errors.synthesis import EngineUnavailableError, VoiceNotFoundError
from echo_common.errors import EchoError
from echo_synthesis.pool.engine_pool import EnginePool, PoolConfig
from tests.support import gemini_server as answers
from tests.support.cloud_engines import CONFIG, TEXT, is_whole, load, paths, spec_of, utter
from tests.support.error_log import reported
from tests.support.eventually import eventually
from tests.support.provider import Answer, Provider, Reply

VOICE = "gemini_kore"
KEY = "gemini-secret-key"
STREAMED, WHOLE = "streamGenerateContent", "generateContent"


def test_thirty_voices_are_listed(gemini: Provider) -> None:
    voices = spec_of("gemini").voices(CONFIG)
    assert len({voice.id for voice in voices}) == 30
    assert {voice.gender for voice in voices} == {"female", "male"}
    assert not gemini.asked


def test_a_sentence_is_a_single_streamed_request_with_the_key_in_a_header(gemini: Provider) -> None:
    assert is_whole(load("gemini").speak(utter(VOICE)))
    (asked,) = gemini.asked
    assert asked.path == "/v1beta/models/gemini-3.8-flash-tts:streamGenerateContent"
    assert asked.query == {"alt": ["sse"]}
    assert asked.headers["x-goog-api-key"] == KEY
    body = json.loads(asked.body)
    assert body["generationConfig"]["responseModalities"] == ["AUDIO"]
    assert not {"temperature", "topP", "topK"} & body["generationConfig"].keys()


@pytest.mark.parametrize(
    ("model", "part", "voice"),
    [
        ("gemini-3.8-flash-tts", {"text": TEXT, "speechMetadata": {"style": "calm"}}, {"voice": "Kore"}),
        (
            "gemini-2.5-flash-preview-tts",
            {"text": f"calm:\n{TEXT}"},
            {"prebuilt_voice_config": {"voice_name": "Kore"}},
        ),
        (
            "gemini-3.1-flash-tts-preview",
            {"text": f"calm:\n{TEXT}"},
            {"prebuilt_voice_config": {"voice_name": "Kore"}},
        ),
    ],
)
def test_prompts_depend_on_the_model_generation(
    gemini: Provider, monkeypatch: pytest.MonkeyPatch, model: str, part: dict[str, object], voice: dict[str, object]
) -> None:
    monkeypatch.setenv("ECHO_SYNTHESIS_GEMINI_MODEL", model)
    monkeypatch.setenv("ECHO_SYNTHESIS_GEMINI_STYLE", "calm")
    assert is_whole(load("gemini").speak(utter(VOICE)))
    body = json.loads(gemini.asked[0].body)
    assert f"/{model}:" in gemini.asked[0].path
    assert body["contents"] == [{"role": "user", "parts": [part]}]
    assert body["generationConfig"]["speechConfig"]["voice_config"] == voice


def test_the_model_name_is_part_of_the_cache_version(gemini: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    before = spec_of("gemini").version
    monkeypatch.setenv("ECHO_SYNTHESIS_GEMINI_MODEL", "gemini-3.8-flash-lite-tts")
    assert spec_of("gemini").version != before


@pytest.mark.parametrize(
    "answer",
    [
        answers.as_mime("audio/L16;codec=pcm;rate=16000", 16_000),
        answers.as_mime("audio/pcm; rate=48000; channels=1", 48_000),
        answers.as_wav,
    ],
    ids=["16 kHz", "48 kHz", "WAV file"],
)
def test_the_mime_type_determines_rate_and_encoding(gemini: Provider, answer: Answer) -> None:
    gemini.then(answer)
    speech = load("gemini").speak(utter(VOICE))
    assert is_whole(speech)
    assert speech.sample_rate == spec_of("gemini").sample_rate
    assert len(gemini.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        answers.finishing("OTHER"),
        answers.finishing("MAX_TOKENS"),
        answers.finishing(None),
        answers.cut,
        answers.empty,
        answers.silent_stop,
        answers.shortened,
        answers.garbled,
        answers.as_mime("audio/L16"),
        answers.as_mime("text/plain"),
    ],
    ids=["OTHER", "MAX_TOKENS", "no reason", "cut", "empty", "STOP, no audio", "too short", "garbled", "no rate", "text"],
)
def test_broken_streams_are_requested_again_in_one_piece(gemini: Provider, answer: Answer) -> None:
    gemini.then(answer)
    assert is_whole(load("gemini").speak(utter(VOICE)))
    assert paths(gemini) == [STREAMED, WHOLE]


def test_repeatedly_broken_responses_are_never_speech(gemini: Provider) -> None:
    def other(reply: Reply) -> None:
        reply.whole(json.dumps(answers.response(b"\0\0" * 9_000, finish="OTHER")).encode())

    gemini.then(answers.finishing("OTHER"), other, other, other)
    with pytest.raises(EngineUnavailableError, match=r"broke off \(OTHER\)"):
        load("gemini").speak(utter(VOICE))
    assert paths(gemini) == [STREAMED, WHOLE, WHOLE, WHOLE]


@pytest.mark.parametrize(
    "answer",
    [
        answers.throttled(),
        answers.error(429, "RESOURCE_EXHAUSTED", "slow down", retry_after="0"),
        answers.error(500, "INTERNAL", "an internal error has occurred"),
        answers.error(503, "UNAVAILABLE", "overloaded"),
        answers.failing_halfway,
    ],
    ids=["429 RetryInfo", "429 Retry-After", "500", "503", "503 in mid-stream"],
)
def test_busy_providers_are_retried(gemini: Provider, answer: Answer) -> None:
    gemini.then(answer)
    assert is_whole(load("gemini").speak(utter(VOICE)))
    assert paths(gemini) == [STREAMED, STREAMED]


def test_pauses_beyond_the_timeout_are_passed_on(gemini: Provider) -> None:
    gemini.then(answers.throttled("97s"))
    with pytest.raises(EngineUnavailableError, match="quota") as refused:
        load("gemini").speak(utter(VOICE))
    assert refused.value.retry_after == 97
    assert len(gemini.asked) == 1


def test_retries_are_limited(gemini: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_SYNTHESIS_GEMINI_TRIES", "3")
    gemini.then(*[answers.throttled("0s")] * 9)
    with pytest.raises(EngineUnavailableError):
        load("gemini").speak(utter(VOICE))
    assert len(gemini.asked) == 3


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (answers.bad_key, "ECHO_SYNTHESIS_GEMINI_API_KEY"),
        (answers.error(401, "UNAUTHENTICATED", f"bad key {KEY}"), "ECHO_SYNTHESIS_GEMINI_API_KEY"),
        (answers.error(403, "PERMISSION_DENIED", "no"), "ECHO_SYNTHESIS_GEMINI_API_KEY"),
        (answers.error(404, "NOT_FOUND", "no such model"), "ECHO_SYNTHESIS_GEMINI_MODEL"),
    ],
)
def test_operator_errors_name_the_setting(gemini: Provider, answer: Answer, told: str) -> None:
    gemini.then(answer)
    with pytest.raises(EngineUnavailableError, match=told) as refused:
        load("gemini").speak(utter(VOICE))
    assert KEY not in refused.value.message
    assert len(gemini.asked) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (answers.error(400, "INVALID_ARGUMENT", f"bad request with {KEY}"), "400"),
        (answers.finishing("SAFETY"), "SAFETY"),
        (answers.blocked, "PROHIBITED_CONTENT"),
    ],
)
def test_refused_texts_are_not_sent_again(gemini: Provider, answer: Answer, told: str) -> None:
    gemini.then(answer)
    with pytest.raises(Exception, match=told) as refused:
        load("gemini").speak(utter(VOICE))
    assert KEY not in str(refused.value)
    assert len(gemini.asked) == 1


def test_unknown_voices_are_not_requested(gemini: Provider) -> None:
    with pytest.raises(VoiceNotFoundError):
        load("gemini").speak(utter("gemini_nobody"))
    assert not gemini.asked


def test_unreachable_providers_are_reported_after_retries(gemini: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_SYNTHESIS_GEMINI_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ECHO_SYNTHESIS_GEMINI_TRIES", "2")
    with pytest.raises(EngineUnavailableError, match="no connection"):
        load("gemini").speak(utter(VOICE))


def test_unsendable_keys_count_as_missing(gemini: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_SYNTHESIS_GEMINI_API_KEY", "two\nlines")
    assert spec_of("gemini").missing(CONFIG) == ("an API key",)


def test_costs_are_reported_including_failed_attempts(gemini: Provider) -> None:
    gemini.then(answers.finishing("OTHER"))
    cost = load("gemini").speak(utter(VOICE)).cost
    assert cost["input_tokens"] == 7 + 7
    assert cost["output_tokens"] > 5


def test_voices_without_a_key_name_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECHO_SYNTHESIS_GEMINI_API_KEY", raising=False)
    spec = spec_of("gemini")
    assert spec.missing(CONFIG) == ("an API key",)
    assert "ECHO_SYNTHESIS_GEMINI_API_KEY" in spec.remedy


async def test_a_worker_sends_several_requests_at_once(gemini: Provider, tmp_path: Path) -> None:
    released = threading.Event()
    gemini.then(*[answers.after(released)] * 5)
    pool = EnginePool({"gemini": spec_of("gemini")}, PoolConfig(tmp_path, workers=4))
    try:
        texts = [f"Sentence {'x' * number} of many." for number in range(5)]
        asked = [asyncio.create_task(pool.speak("gemini", utter(VOICE, text))) for text in texts]
        await eventually(lambda: gemini.at_once == 5)
        assert pool.health()["gemini"].workers_alive == 1
        released.set()
        for text, speech in zip(texts, await asyncio.gather(*asked), strict=True):
            assert is_whole(speech, text)
    finally:
        released.set()
        await pool.close()


async def test_provider_errors_pass_through_the_worker_unchanged(gemini: Provider, tmp_path: Path) -> None:
    pool = EnginePool({"gemini": spec_of("gemini")}, PoolConfig(tmp_path, workers=1))
    try:
        gemini.then(answers.throttled("97s"))
        with pytest.raises(EngineUnavailableError, match="quota") as refused:
            await pool.speak("gemini", utter(VOICE))
        assert refused.value.retry_after == 97
        assert (await pool.speak("gemini", utter(VOICE))).cost["input_tokens"] == 7
        assert pool.health()["gemini"].restarts == 0
    finally:
        await pool.close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (answers.error(400, "INVALID_ARGUMENT", f"The text {TEXT!r} is not permitted."), "ENGINE_FAILED"),
        (answers.error(429, "RESOURCE_EXHAUSTED", f"No quota for {TEXT!r}.", retry_after="97"), "ENGINE_UNAVAILABLE"),
        (answers.error(500, "INTERNAL", f"{TEXT!r} failed.", retry_after="97"), "ENGINE_UNAVAILABLE"),
        (answers.as_mime(f"audio/{TEXT}"), "ENGINE_UNAVAILABLE"),
    ],
    ids=["400", "429", "500", "mime"],
)
async def test_texts_in_errors_of_the_provider_do_not_reach_the_error_log(
    gemini: Provider, tmp_path: Path, answer: Answer, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHO_SYNTHESIS_GEMINI_TRIES", "1")
    pool = EnginePool({"gemini": spec_of("gemini")}, PoolConfig(tmp_path, workers=1))
    try:
        gemini.then(answer)
        with pytest.raises(EchoError) as failed:
            await pool.speak("gemini", utter(VOICE))
    finally:
        await pool.close()
    assert failed.value.code == code
    assert TEXT.lower() in f"{failed.value.message} {failed.value.details}".lower(), "the user is told"
    assert TEXT.lower() not in reported(failed.value).lower()


async def test_cancelled_requests_do_not_affect_concurrent_ones(gemini: Provider, tmp_path: Path) -> None:
    released = threading.Event()
    gemini.then(answers.after(released), answers.after(released))
    pool = EnginePool({"gemini": spec_of("gemini")}, PoolConfig(tmp_path, workers=1))
    try:
        leaving, staying = (asyncio.create_task(pool.speak("gemini", utter(VOICE))) for _ in range(2))
        await eventually(lambda: gemini.at_once == 2)
        leaving.cancel()
        released.set()
        assert is_whole(await staying)
        assert pool.health()["gemini"].restarts == 0
    finally:
        released.set()
        await pool.close()
