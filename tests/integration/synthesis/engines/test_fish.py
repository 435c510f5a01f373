"""Tests of Fish Audio through its real SDK: only complete responses are speech."""

import asyncio
import threading
from pathlib import Path

import pytest

from echo_common.contracts.errors.synthesis import EngineUnavailableError, VoiceNotFoundError
from echo_common.errors import EchoError
from echo_synthesis.pool.engine_pool import EnginePool, PoolConfig
from tests.support import fish_server as answers
from tests.support.cloud_engines import CONFIG, TEXT, is_whole, load, spec_of, utter
from tests.support.error_log import reported
from tests.support.eventually import eventually
from tests.support.provider import Answer, Provider

VOICE = f"fish_{answers.KNOWN}"
KEY = "fish-secret-key"


def test_a_sentence_is_a_single_request_with_voice_and_model(fish: Provider) -> None:
    assert is_whole(load("fish").speak(utter(VOICE)))
    (asked,) = fish.asked
    assert (asked.path, asked.headers["authorization"], asked.headers["model"]) == ("/v1/tts", f"Bearer {KEY}", "s2.1-pro")
    request = answers.request_of(asked)
    assert (request["text"], request["reference_id"], request["format"]) == (TEXT, answers.KNOWN, "wav")


@pytest.mark.parametrize(("speed", "sent"), [(1.0, None), (1.5, 1.5), (4.0, 2.0), (0.25, 0.5)])
def test_speeds_beyond_fishs_range_are_applied_locally(fish: Provider, speed: float, sent: float | None) -> None:
    usual = load("fish").speak(utter(VOICE)).duration
    assert usual / load("fish").speak(utter(VOICE, speed=speed)).duration == pytest.approx(speed, rel=0.1)
    assert (answers.request_of(fish.asked[-1]).get("prosody") or {}).get("speed") == sent


@pytest.mark.parametrize(
    "answer",
    [
        answers.cut,
        answers.empty,
        answers.shortened,
        answers.not_audio,
        answers.throttled(),
        answers.error(429, "Too many requests"),
        answers.error(500, "oops"),
        answers.error(503, "maintenance"),
    ],
    ids=["cut", "empty", "too short", "not audio", "429 Retry-After", "429", "500", "503"],
)
def test_broken_and_busy_responses_are_retried(fish: Provider, answer: Answer) -> None:
    fish.then(answer)
    assert is_whole(load("fish").speak(utter(VOICE)))
    assert len(fish.asked) == 2


def test_repeatedly_broken_responses_are_never_speech(fish: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_SYNTHESIS_FISH_TRIES", "2")
    fish.then(answers.cut, answers.cut)
    with pytest.raises(EngineUnavailableError):
        load("fish").speak(utter(VOICE))
    assert len(fish.asked) == 2


def test_pauses_beyond_the_timeout_are_passed_on(fish: Provider) -> None:
    fish.then(answers.throttled(97))
    with pytest.raises(EngineUnavailableError, match="429") as refused:
        load("fish").speak(utter(VOICE))
    assert refused.value.retry_after == 97


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (answers.error(401, f"Invalid token {KEY}"), "ECHO_SYNTHESIS_FISH_API_KEY"),
        (answers.error(403, "Forbidden"), "ECHO_SYNTHESIS_FISH_API_KEY"),
        (answers.error(402, "Insufficient credit"), "credit"),
    ],
)
def test_operator_errors_are_reported_and_not_retried(fish: Provider, answer: Answer, told: str) -> None:
    fish.then(answer)
    with pytest.raises(EngineUnavailableError, match=told) as refused:
        load("fish").speak(utter(VOICE))
    assert KEY not in refused.value.message
    assert len(fish.asked) == 1


@pytest.mark.parametrize("answer", [answers.error(400, "Reference not found"), answers.error(404, "Model not found")])
def test_voices_missing_at_fish_are_unknown(fish: Provider, answer: Answer) -> None:
    fish.then(answer)
    with pytest.raises(VoiceNotFoundError):
        load("fish").speak(utter("fish_" + "0" * 32))
    assert len(fish.asked) == 1


def test_refused_requests_are_not_sent_again(fish: Provider) -> None:
    fish.then(answers.error(400, f"text is not allowed for {KEY}"))
    with pytest.raises(RuntimeError, match="text is not allowed") as refused:
        load("fish").speak(utter(VOICE))
    assert KEY not in str(refused.value)
    assert len(fish.asked) == 1


def test_only_named_voices_are_offered_by_default(fish: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [voice.id for voice in spec_of("fish").voices(CONFIG)] == [VOICE]
    assert not fish.asked
    monkeypatch.setenv("ECHO_SYNTHESIS_FISH_VOICES", "abc=Bert")
    monkeypatch.setenv("ECHO_SYNTHESIS_FISH_OWN_VOICES", "true")
    own, named = spec_of("fish").voices(CONFIG)
    assert (own.id, own.name, own.language, own.gender) == (VOICE, "Anna", "de", "female")
    assert (named.id, named.name) == ("fish_abc", "Bert")
    assert fish.asked[0].query["self"] == ["true"]


def test_an_unreachable_account_keeps_the_named_voices(fish: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_SYNTHESIS_FISH_OWN_VOICES", "true")
    fish.then(answers.error(500, "oops"))
    assert [voice.id for voice in spec_of("fish").voices(CONFIG)] == [VOICE]


def test_costs_are_reported(fish: Provider) -> None:
    assert load("fish").speak(utter(VOICE, "Käse, bitte.")).cost == {"utf8_bytes": 13}


def test_without_a_key_the_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECHO_SYNTHESIS_FISH_API_KEY", raising=False)
    spec = spec_of("fish")
    assert spec.missing(CONFIG) == ("an API key",)
    assert "ECHO_SYNTHESIS_FISH_API_KEY" in spec.remedy


async def test_a_worker_sends_as_many_requests_as_the_account_permits(
    fish: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHO_SYNTHESIS_FISH_CONCURRENCY", "3")
    released = threading.Event()
    fish.then(*[answers.after(released)] * 6)
    pool = EnginePool({"fish": spec_of("fish")}, PoolConfig(tmp_path, workers=4))
    try:
        asked = [asyncio.create_task(pool.speak("fish", utter(VOICE))) for _ in range(6)]
        await eventually(lambda: fish.at_once == 3 and pool.health()["fish"].queued == 3)
        released.set()
        assert all(is_whole(speech) for speech in await asyncio.gather(*asked))
        assert fish.most_at_once == 3
    finally:
        released.set()
        await pool.close()


async def test_provider_errors_pass_through_the_worker_unchanged(fish: Provider, tmp_path: Path) -> None:
    pool = EnginePool({"fish": spec_of("fish")}, PoolConfig(tmp_path, workers=1))
    try:
        fish.then(answers.error(402, "Insufficient credit"))
        with pytest.raises(EngineUnavailableError, match="credit"):
            await pool.speak("fish", utter(VOICE))
        with pytest.raises(VoiceNotFoundError):
            await pool.speak("fish", utter("fish_" + "0" * 32))
        assert is_whole(await pool.speak("fish", utter(VOICE)))
        assert pool.health()["fish"].restarts == 0
    finally:
        await pool.close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (answers.error(400, f"The text {TEXT!r} is not permitted."), "ENGINE_FAILED"),
        (answers.error(422, f"The text {TEXT!r} is too long."), "ENGINE_FAILED"),
        (answers.error(500, f"{TEXT!r} failed."), "ENGINE_UNAVAILABLE"),
    ],
)
async def test_texts_in_errors_of_the_provider_do_not_reach_the_error_log(
    fish: Provider, tmp_path: Path, answer: Answer, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHO_SYNTHESIS_FISH_TRIES", "1")
    pool = EnginePool({"fish": spec_of("fish")}, PoolConfig(tmp_path, workers=1))
    try:
        fish.then(answer)
        with pytest.raises(EchoError) as failed:
            await pool.speak("fish", utter(VOICE))
    finally:
        await pool.close()
    assert failed.value.code == code
    assert TEXT not in reported(failed.value)
