"""Tests of the choice of voice and format, with engines that list voices but do not speak."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from typing import cast

import pytest

from echo_common.audio.formats import FORMATS
from echo_common.contracts.errors.synthesis import EngineUnavailableError
from echo_common.contracts.http.generate import GenerateRequest
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.errors import ValidationError
from echo_synthesis import composition
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import SpeechSettings
from echo_synthesis.engine import EngineConfig, EngineSpec, EngineVoice
from echo_synthesis.engines.gemini.voices import VOICES as GEMINI_VOICES
from echo_synthesis.engines.tone import SPEC
from echo_synthesis.usecases.planning import plan_speech
from echo_synthesis.usecases.requests import generate
from tests.support.synthesis_replica import Replica, principal_of

ALICE = principal_of("usr_alice")
KOKORO_VOICES = (
    EngineVoice("af_heart", "Heart", "en-US", "female"),
    EngineVoice("af_kore", "Kore", "en-US", "female"),
    EngineVoice("bm_george", "George", "en-GB", "male"),
    EngineVoice("ef_dora", "Dora", "es-ES", "female"),
    EngineVoice("ff_siwis", "Siwis", "fr-FR", "female"),
    EngineVoice("pf_dora", "Dora", "pt-BR", "female"),
)
KOKORO = replace(SPEC, name="kokoro", voices=lambda _: KOKORO_VOICES)
PIPER = replace(SPEC, name="piper", voices=lambda _: (EngineVoice("piper_joe", "Joe", "en-US", "male"),))
GEMINI = replace(
    SPEC, name="gemini", voices=lambda _: tuple(GEMINI_VOICES.values()), remote=True, remedy="set ECHO_SYNTHESIS_GEMINI_API_KEY"
)


def _no_key(config: EngineConfig) -> Sequence[str]:
    return ("an API key",)


def offer(monkeypatch: pytest.MonkeyPatch, *specs: EngineSpec) -> None:
    def discover(names: Collection[str] | None = None) -> Mapping[str, EngineSpec]:
        return {spec.name: spec for spec in sorted(specs, key=lambda spec: spec.name)}

    monkeypatch.setattr(composition, "discover", discover)


@pytest.fixture
async def local(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dependencies]:
    """Kokoro and Piper are ready, Gemini lacks its key."""
    offer(monkeypatch, KOKORO, PIPER, replace(GEMINI, missing=_no_key))
    async with replica(default_voice="af_heart") as deps:
        yield deps


@pytest.fixture
async def cloud(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dependencies]:
    """Kokoro, Piper and Gemini are ready."""
    offer(monkeypatch, KOKORO, PIPER, GEMINI)
    async with replica(default_voice="af_heart") as deps:
        yield deps


async def chosen(deps: Dependencies, text: str = "Hello.", **config: object) -> SpeechSettings:
    return (await plan_speech(text, None, SpeechConfig.model_validate(config), "usr_1", deps)).settings


async def refused(deps: Dependencies, text: str = "Hello.", **config: object) -> tuple[str, str]:
    with pytest.raises(ValidationError) as error:
        await chosen(deps, text, **config)
    [detail] = cast("list[dict[str, str]]", error.value.details)
    return detail["field"], detail["message"]


@pytest.mark.parametrize("name", FORMATS)
async def test_sample_rates_that_a_format_lacks_are_refused(local: Dependencies, name: str) -> None:
    rates = FORMATS[name].rates
    for rate in rates or (8_000, 9_999, 48_000):
        assert (await chosen(local, output_format=name, sample_rate=rate)).sample_rate == rate
    if rates:
        field, message = await refused(local, output_format=name, sample_rate=9_999)
        assert field == "config.sample_rate"
        assert message == f"{name} has no sample rate of 9999 Hz. Use one of {', '.join(map(str, rates))}."


async def test_an_engine_without_a_voice_speaks_with_its_default_voice(local: Dependencies, cloud: Dependencies) -> None:
    assert (await chosen(local, engine="piper")).voice_id == "piper_joe"
    assert (await chosen(local, engine="kokoro")).voice_id == "af_heart"
    assert (await chosen(cloud, engine="gemini")).engine == "gemini"


async def test_an_engine_without_its_key_names_the_setting(local: Dependencies) -> None:
    with pytest.raises(EngineUnavailableError, match="gemini lacks an API key; set ECHO_SYNTHESIS_GEMINI_API_KEY"):
        await chosen(local, engine="gemini")


async def test_unknown_engines_are_refused_with_the_known_ones(local: Dependencies) -> None:
    expected = ("config.engine", "There is no engine 'espeak'. Use one of gemini, kokoro, piper.")
    assert await refused(local, engine="espeak") == expected


async def test_a_language_selects_a_voice_that_speaks_it(local: Dependencies, cloud: Dependencies) -> None:
    for deps in (local, cloud):
        assert (await chosen(deps, language="fr-FR")).voice_id == "ff_siwis"
        assert (await chosen(deps, language="fr-CA")).voice_id == "ff_siwis"
        assert (await chosen(deps, language="en-GB")).voice_id == "bm_george"
        assert (await chosen(deps, language="en")).voice_id == "af_heart"
    german = await chosen(cloud, language="de-DE")
    assert (german.engine, german.language) == ("gemini", "de-DE")


@pytest.mark.parametrize(
    ("preferred", "text", "config", "voice_id"),
    [
        ("fr", "Bip.", {}, "ff_siwis"),
        ("en-GB", "The next train to London leaves at half past nine tomorrow morning.", {}, "bm_george"),
        ("fr", "The next train to London leaves at half past nine tomorrow morning.", {}, "af_heart"),
        ("fr", "Bip.", {"language": "en"}, "af_heart"),
        ("de", "Bip.", {}, "af_heart"),
        (None, "Bip.", {}, "af_heart"),
    ],
    ids=["short text", "region", "text in another language", "language of the request", "no voice", "no preference"],
)
async def test_the_preferred_language_selects_the_voice_where_the_text_does_not_tell(
    local: Dependencies, preferred: str | None, text: str, config: dict[str, str], voice_id: str
) -> None:
    planned = await plan_speech(text, None, SpeechConfig.model_validate(config), "usr_1", local, preferred_language=preferred)
    assert planned.settings.voice_id == voice_id


@pytest.mark.parametrize("language", ["de", "vi-VN"])
async def test_languages_without_a_voice_are_refused_with_a_remedy(local: Dependencies, language: str) -> None:
    remedy = "To add it: for gemini, set ECHO_SYNTHESIS_GEMINI_API_KEY."
    assert await refused(local, language=language) == ("config.language", f"No ready engine speaks {language}. {remedy}")
    of_piper = ("config.language", f"No voice of piper speaks {language}. {remedy}")
    assert await refused(local, language=language, engine="piper") == of_piper


async def test_texts_without_a_voice_are_refused_with_a_remedy(local: Dependencies) -> None:
    text = "Guten Morgen, ich möchte gerne wissen, wann der nächste Zug nach München abfährt."
    _, message = await refused(local, text)
    assert "No ready engine speaks de. To add it: for gemini, set ECHO_SYNTHESIS_GEMINI_API_KEY, or set the language" in message


async def test_engines_without_a_voice_for_the_language_name_another(local: Dependencies) -> None:
    _, message = await refused(local, language="fr", engine="piper")
    assert message == "No voice of piper speaks fr. Use the engine kokoro."


async def named(deps: Dependencies, name: str, **config: object) -> str:
    request = GenerateRequest(text="Hello.", voice_name=name, config=SpeechConfig.model_validate(config))
    return (await generate(request, ALICE, deps, key=None)).settings.voice_id


async def test_names_of_gemini_voices_mean_gemini_once_it_has_a_key(local: Dependencies, cloud: Dependencies) -> None:
    assert await named(cloud, "Kore") == "gemini_kore"
    assert await named(cloud, "Kore", engine="kokoro") == "af_kore"
    assert await named(local, "Kore") == "af_kore"
    with pytest.raises(EngineUnavailableError, match="set ECHO_SYNTHESIS_GEMINI_API_KEY"):
        await named(local, "Zephyr")


async def test_ambiguous_names_are_refused_with_the_candidates(local: Dependencies) -> None:
    with pytest.raises(ValidationError, match=r"Several voices are named 'dora'. Give the id of one: ef_dora, pf_dora\."):
        await named(local, "dora")
    assert await named(local, "Dora", language="pt") == "pf_dora"
    assert await named(local, "ef_dora") == "ef_dora"
