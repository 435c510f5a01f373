"""The configured fallback voice replaces a failing provider, and the result reports it."""

import json
from collections.abc import Callable
from contextlib import aclosing

import pytest

from echo_common.contracts.errors.synthesis import EngineUnavailableError, VoiceNotFoundError
from echo_common.contracts.http.synthesis import SpeechConfig, SynthesizeRequest
from echo_common.errors import ValidationError
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.settings import SynthesisSettings
from echo_synthesis.usecases.planning import plan_speech
from echo_synthesis.usecases.speech import stream_speech, synthesize
from echo_synthesis.views import synthesis_result
from tests.support import gemini_server as answers
from tests.support.provider import Provider, Reply
from tests.support.synthesis_replica import Replica, principal_of

ALICE = principal_of("usr_alice")
ENGINES = {"engines": ("tone", "gemini"), "cache_bytes": 0, "recogniser": "off"}
SPARE = {**ENGINES, "fallback": {"gemini": "tone_low"}}
DOWN = answers.throttled("600s")


def ask(text: str = "One. Two. Three.", voice: str = "gemini_kore", **config: object) -> SynthesizeRequest:
    return SynthesizeRequest(text=text, voice_id=voice, config=SpeechConfig(**config))


def unless(word: str, failing: Callable[[Reply], None]) -> Callable[[Reply], None]:
    """Respond normally, except to texts that contain the word."""

    def answer(reply: Reply) -> None:
        (failing if word in json.loads(reply.asked.body)["contents"][0]["parts"][0]["text"] else answers.speak)(reply)

    return answer


@pytest.fixture
def down(gemini: Provider, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """A provider that requests a pause of ten minutes."""
    monkeypatch.setattr(gemini, "usually", DOWN)
    return gemini


async def test_working_providers_are_not_replaced_by_the_fallback(gemini: Provider, replica: Replica) -> None:
    async with replica(**SPARE) as deps:
        audio = await synthesize(ask(), ALICE, deps)
        result = synthesis_result(audio, audio.words)
        assert (result.engine, result.voice_id, result.fallback_from) == ("gemini", "gemini_kore", None)
        assert result.alignment == "estimated"


async def test_the_fallback_speaks_the_whole_text_and_is_reported(down: Provider, replica: Replica) -> None:
    async with replica(**SPARE) as deps:
        audio = await synthesize(ask(), ALICE, deps)
        result = synthesis_result(audio, audio.words)
        assert (result.engine, result.voice_id, result.fallback_from) == ("tone", "tone_low", "gemini")
        assert [mark.word for mark in audio.words] == ["One", "Two", "Three"]
        assert result.alignment == "model"


async def test_audio_has_a_single_voice_after_a_failure_in_the_middle(
    gemini: Provider, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gemini, "usually", unless("Three", DOWN))
    async with replica(**SPARE) as deps:
        audio = await synthesize(ask(), ALICE, deps)
        assert audio.settings.fallback_from == "gemini"
        assert audio.alignment == "model"
        assert len(audio.words) == 3


async def test_streams_without_sent_data_restart_with_the_fallback(down: Provider, replica: Replica) -> None:
    async with replica(**SPARE) as deps:
        parts = [part async for part in await stream_speech(ask(), ALICE, deps)]
        assert parts[-1].last
        assert parts[-1].totals.settings.fallback_from == "gemini"


async def test_the_first_byte_is_measured_for_the_engine_that_made_it(
    down: Provider, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    observed: list[str] = []
    async with replica(**SPARE) as deps:
        monkeypatch.setattr(deps.meter, "observe_first_byte", lambda engine, _: observed.append(engine))
        async with aclosing(await stream_speech(ask(), ALICE, deps)) as parts:
            await anext(parts)
    assert observed == ["tone"]


async def test_streams_with_sent_data_break_off(gemini: Provider, replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemini, "usually", unless("Three", DOWN))
    async with replica(**SPARE) as deps, aclosing(await stream_speech(ask(), ALICE, deps)) as parts:
        assert (await anext(parts)).audio
        with pytest.raises(EngineUnavailableError):
            async for _ in parts:
                pass


async def test_without_the_setting_there_is_no_fallback(down: Provider, replica: Replica) -> None:
    async with replica(**ENGINES) as deps:
        with pytest.raises(EngineUnavailableError, match="quota") as refused:
            await synthesize(ask(), ALICE, deps)
        assert (refused.value.status, refused.value.code) == (503, "ENGINE_UNAVAILABLE")
        assert refused.value.retry_after == 600


async def test_unknown_voices_have_no_fallback(gemini: Provider, replica: Replica) -> None:
    async with replica(**SPARE) as deps:
        with pytest.raises(VoiceNotFoundError):
            await synthesize(ask(voice="gemini_nobody"), ALICE, deps)


async def test_fallback_voices_are_not_used_for_unsupported_languages(down: Provider, replica: Replica) -> None:
    async with replica(**SPARE) as deps:
        with pytest.raises(EngineUnavailableError):
            await synthesize(ask("Eins. Zwei.", language="de"), ALICE, deps)


async def test_short_texts_select_a_voice_by_language_and_refuse_none(gemini: Provider, replica: Replica) -> None:
    async with replica(**SPARE) as deps:
        one = await plan_speech("Bonjour, il est 15h30 à Paris.", None, SpeechConfig(), "usr_1", deps)
        assert (one.settings.engine, one.settings.language) == ("gemini", "fr")
        named = await plan_speech("Bonjour, il est 15h30 à Paris.", "tone_low", SpeechConfig(), "usr_1", deps)
        assert (named.settings.voice_id, named.settings.language) == ("tone_low", "en-US")
        english = await plan_speech("Good evening, it is late.", None, SpeechConfig(), "usr_1", deps)
        assert english.settings.voice_id == "tone_low"


async def test_only_multilingual_voices_accept_any_language(gemini: Provider, replica: Replica) -> None:
    async with replica(**SPARE) as deps:
        audio = await synthesize(ask("Eins. Zwei.", language="de"), ALICE, deps)
        assert audio.settings.language == "de"
        with pytest.raises(ValidationError, match=r"tone_low speaks en-US, not de"):
            await synthesize(ask("Eins.", voice="tone_low", language="de"), ALICE, deps)


class TestWithoutAKey:
    @pytest.fixture(autouse=True)
    def no_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ECHO_SYNTHESIS_GEMINI_API_KEY", raising=False)

    async def test_voices_without_a_key_are_not_offered_and_refusals_name_the_setting(self, replica: Replica) -> None:
        async with replica(engines=("tone", "gemini", "fish")) as deps:
            assert offered(deps) == {"tone"}
            for voice, setting in (("gemini_kore", "GEMINI_API_KEY"), ("fish_" + "0" * 32, "FISH_API_KEY")):
                with pytest.raises(EngineUnavailableError, match=f"set ECHO_SYNTHESIS_{setting}") as refused:
                    await synthesize(ask(voice=voice), ALICE, deps)
                assert (refused.value.status, refused.value.code) == (503, "ENGINE_UNAVAILABLE")

    async def test_the_configured_fallback_voice_is_used_without_a_key(self, replica: Replica) -> None:
        async with replica(**SPARE) as deps:
            audio = await synthesize(ask(engine="gemini"), ALICE, deps)
            assert (audio.settings.engine, audio.settings.fallback_from) == ("tone", "gemini")


async def test_unknown_fallback_voices_are_detected_at_the_start(replica: Replica) -> None:
    with pytest.raises(ValueError, match="ECHO_SYNTHESIS_FALLBACK: there is no voice nobody"):
        async with replica(engines=("tone",), fallback={"tone": "nobody"}):
            pass


def test_the_fallback_setting_is_a_list_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_SYNTHESIS_FALLBACK", "gemini:af_heart, fish:piper_joe")
    assert SynthesisSettings().fallback == {"gemini": "af_heart", "fish": "piper_joe"}
    monkeypatch.setenv("ECHO_SYNTHESIS_FALLBACK", "gemini")
    with pytest.raises(ValueError, match="gemini:af_heart"):
        SynthesisSettings()


def offered(deps: Dependencies) -> set[str]:
    return {found.engine.name for found in deps.voices.list()}
