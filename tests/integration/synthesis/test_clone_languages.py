"""Tests of the languages that voice models speak, with an engine that lists languages but does not speak."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from echo_common.clock import now
from echo_common.contracts.events.voice import VoiceModelReady
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.errors import ValidationError
from echo_common.ids import new_id
from echo_synthesis import composition
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import SpeechSettings
from echo_synthesis.engines.kokoro import SPEC as KOKORO
from echo_synthesis.engines.tone import SPEC as TONE
from echo_synthesis.handlers import store_clone
from echo_synthesis.usecases.echos import RequestedVoice
from echo_synthesis.usecases.planning import find_speaker, plan_speech
from tests.support.synthesis_replica import Replica

CLONE = "vm_" + "0" * 26
ENGINE = replace(TONE, name="kokoro", clone_languages=KOKORO.clone_languages)


@pytest.fixture
async def deps(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dependencies]:
    """Alice has a clone, whose own language is English."""
    monkeypatch.setattr(composition, "discover", lambda _names=None: {"kokoro": ENGINE})
    async with replica(engines=("kokoro",)) as deps:
        ready = VoiceModelReady(
            voice_model_id=CLONE,
            user_id="usr_alice",
            revision=1,
            name="Alice",
            provider="local",
            engine="kokoro",
            reference="tone_high",
            language="en",
            gender="female",
            public=False,
            shared_with=(),
            usable=True,
            job_id=new_id("job"),
        )
        await store_clone(ready, deps)
        yield deps


async def planned(text: str, deps: Dependencies, voice_id: str | None = CLONE, **config: object) -> SpeechSettings:
    return (await plan_speech(text, voice_id, SpeechConfig.model_validate(config), "usr_alice", deps)).settings


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The weather in the mountains is beautiful today.", "en"),
        ("Good evening, it is late.", "en"),
        ("Hola, esta es mi voz.", "es-ES"),
        ("El tiempo en las montañas es hermoso hoy.", "es-ES"),
        ("Bonjour, voici ma voix.", "fr-FR"),
        ("Ciao, questa è la mia voce.", "it-IT"),
        ("O tempo nas montanhas está bonito hoje.", "pt-BR"),
        ("नमस्ते, यह मेरी आवाज़ है।", "hi-IN"),
        ("नमस्ते", "hi-IN"),
        ("Hola", "en"),
    ],
)
async def test_a_clone_speaks_the_language_of_the_text(text: str, language: str, deps: Dependencies) -> None:
    assert (await planned(text, deps)).language == language


async def test_a_selected_clone_speaks_the_language_of_the_text(deps: Dependencies) -> None:
    speech = await planned("Bonjour, voici ma voix.", deps)
    await deps.clones.select("usr_alice", CLONE, now())
    assert (await planned("Bonjour, voici ma voix.", deps, None)) == speech


@pytest.mark.parametrize(("requested", "spoken"), [("fr", "fr-FR"), ("es-MX", "es-ES"), ("en-GB", "en-GB"), ("en", "en")])
async def test_a_requested_language_takes_precedence_over_the_text(requested: str, spoken: str, deps: Dependencies) -> None:
    assert (await planned("Hola, esta es mi voz.", deps, language=requested)).language == spoken


@pytest.mark.parametrize("language", ["de", "ja", "zh", "vi"])
async def test_other_languages_are_refused_with_those_of_the_clone(language: str, deps: Dependencies) -> None:
    expected = f"speaks en, en-US, en-GB, es-ES, fr-FR, hi-IN, it-IT, pt-BR, not {language}"
    with pytest.raises(ValidationError, match=expected):
        await planned("Eins. Zwei.", deps, language=language)


async def test_texts_in_other_letters_are_refused(deps: Dependencies) -> None:
    with pytest.raises(ValidationError, match="seems to be in the language 'ja'"):
        await planned("今日は天気がとても良いので、山に行きました。", deps)


async def test_a_stream_determines_the_language_by_its_first_sentence(deps: Dependencies) -> None:
    speaker = await find_speaker("", RequestedVoice(CLONE, SpeechConfig()), "usr_alice", deps)
    assert speaker.speaks_several
    stated = await find_speaker("", RequestedVoice(CLONE, SpeechConfig(language="fr")), "usr_alice", deps)
    assert not stated.speaks_several
