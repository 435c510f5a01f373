"""Piper voices that an operator puts into the folder of the models."""

# ruff: noqa: RUF001  (IPA)
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.http.synthesis import SpeechConfig, SynthesizeRequest
from echo_common.contracts.ipa import is_ipa
from echo_common.errors import ValidationError
from echo_embedded.doctor.speech import check_models
from echo_synthesis.engine import EngineConfig, Speech, Utterance
from echo_synthesis.engines.piper import SPEC
from echo_synthesis.text.ipa import join_symbols
from echo_synthesis.text.words import find_words
from echo_synthesis.usecases.planning import plan_speech
from echo_synthesis.usecases.speech import synthesize
from tests.support.piper_voices import write_voice
from tests.support.synthesis_replica import Replica, principal_of

GERMAN = "Der schnelle braune Fuchs springt über den faulen Hund, und niemand sieht ihn dabei."
VIETNAMESE = "Xin chào, hôm nay trời đẹp và chúng ta cùng nhau đi dạo trong công viên."
THORSTEN, VIVOS = "piper_de_DE-thorsten-medium", "piper_vi_VN-vivos-x_low"
ALICE = principal_of("usr_alice")
NO_DESCRIPTION = "bad.onnx.json is not the description of a Piper voice"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    home = tmp_path / "piper"
    write_voice(home, "de_DE-thorsten-medium", dataset="thorsten")
    write_voice(home, "vi_VN-vivos-x_low", None, espeak_voice="vi", rate=16_000)
    return tmp_path


def speak(models: Path, voice: str, text: str, speed: float = 1.0) -> Speech:
    engine = SPEC.load(EngineConfig(models))
    return engine.speak(Utterance(text, tuple(find_words(text, SPEC.max_characters)), voice, "", speed))


def test_voices_of_the_folder_are_listed_with_name_and_language(models: Path) -> None:
    config = EngineConfig(models)
    assert [(voice.id, voice.name, voice.language) for voice in SPEC.voices(config)] == [
        (THORSTEN, "Thorsten", "de-DE"),
        (VIVOS, "Vivos", "vi"),
    ]
    assert SPEC.missing(config) == []
    assert SPEC.unusable(models) == []


@pytest.mark.parametrize(("voice", "text"), [(THORSTEN, GERMAN), (VIVOS, VIETNAMESE)])
def test_voices_of_the_folder_speak_with_timings_of_their_model(models: Path, voice: str, text: str) -> None:
    speech = speak(models, voice, text)
    assert (speech.sample_rate, speech.alignment) == (SPEC.sample_rate, "model")
    assert len(speech.words) == len(text.split())
    assert all(0 <= word.start < word.end <= speech.duration for word in speech.words)
    assert all(before.end <= after.start + 1e-6 for before, after in pairwise(speech.words))
    assert speak(models, voice, text, 2.0).duration == pytest.approx(speech.duration / 2, rel=0.1)
    with pytest.raises(VoiceNotFoundError):
        speak(models, "piper_joe", text)


@pytest.mark.parametrize(("voice", "text", "ipa"), [(THORSTEN, GERMAN, "dɛɾ"), (VIVOS, VIETNAMESE, "sˈin")])
def test_voices_of_the_folder_tell_their_sounds_and_speak_them_again(models: Path, voice: str, text: str, ipa: str) -> None:
    engine = SPEC.load(EngineConfig(models))
    utterance = Utterance(text, tuple(find_words(text, SPEC.max_characters)), voice, "")

    def sounds(given: tuple[str, ...] = ()) -> tuple[str, ...]:
        phones = engine.speak(replace(utterance, pronunciations=given)).phones
        return tuple(join_symbols(phone.symbol for phone in each) for each in phones)

    spoken = sounds()
    assert spoken[0] == ipa
    assert all(map(is_ipa, spoken))  # tones are no digits
    assert sounds(spoken) == spoken


def test_a_process_speaks_with_more_voices_than_it_holds_models(models: Path) -> None:
    for number in range(4):
        write_voice(models / "piper", f"en_GB-voice{number}", "en_GB", espeak_voice="en-gb-x-rp")
    engine = SPEC.load(EngineConfig(models))
    utterances = [
        Utterance("Hello.", tuple(find_words("Hello.", 300)), voice.id, "") for voice in SPEC.voices(EngineConfig(models))
    ]
    first = [engine.speak(utterance) for utterance in utterances]
    again = [engine.speak(utterance) for utterance in utterances]
    assert len(first) == 6
    assert all(np.array_equal(one.samples, two.samples) for one, two in zip(first, again, strict=True))


def test_a_model_without_durations_has_estimated_timings(tmp_path: Path) -> None:
    write_voice(tmp_path / "piper", "de_DE-other-low", durations=False)
    speech = speak(tmp_path, "piper_de_DE-other-low", GERMAN)
    assert speech.alignment == "estimated"
    assert len(speech.words) == len(GERMAN.split())
    assert [(phones[0].start, phones[-1].end) for phones in speech.phones] == [(word.start, word.end) for word in speech.words]


def test_each_speaker_of_a_model_is_a_voice(tmp_path: Path) -> None:
    write_voice(tmp_path / "piper", "de_DE-moods-medium", speakers={"calm": 0, "very angry": 1}, dataset="moods")
    calm, angry = SPEC.voices(EngineConfig(tmp_path))
    assert [(voice.id, voice.name) for voice in (calm, angry)] == [
        ("piper_de_DE-moods-medium-calm", "Moods Calm"),
        ("piper_de_DE-moods-medium-very_angry", "Moods Very Angry"),
    ]
    assert not np.array_equal(speak(tmp_path, calm.id, GERMAN).samples, speak(tmp_path, angry.id, GERMAN).samples)


def test_unusable_files_are_skipped_and_reported(models: Path) -> None:
    home = models / "piper"
    (home / "a-page.onnx").write_text("<html>Not found</html>")
    (home / "a-page.onnx.json").write_bytes((home / "de_DE-thorsten-medium.onnx.json").read_bytes())
    cut = write_voice(home, "b-cut")
    cut.write_bytes(cut.read_bytes()[:-100])
    write_voice(home, "c-lonely").with_name("c-lonely.onnx.json").unlink()
    write_voice(home, "d-broken").with_name("d-broken.onnx.json").write_text("{")
    write_voice(home, "e-list").with_name("e-list.onnx.json").write_text("[]")
    write_voice(home, "f-other", phoneme_type="pinyin")
    write_voice(home, "g-partial", audio={})
    write_voice(home, "h-language", "?")
    write_voice(home, "i" * 70)
    reasons = dict(line.split(": ", 1) for line in SPEC.unusable(models))
    assert reasons == {
        "a-page.onnx": "it is no complete ONNX file",
        "b-cut.onnx": "it is no complete ONNX file",
        "c-lonely.onnx": "c-lonely.onnx.json is missing",
        "d-broken.onnx": "d-broken.onnx.json is not readable as JSON",
        "e-list.onnx": "e-list.onnx.json is not an object",
        "f-other.onnx": "it needs other phonemes than those of espeak",
        "g-partial.onnx": "g-partial.onnx.json is not the description of a Piper voice",
        "h-language.onnx": "h-language.onnx.json is not the description of a Piper voice",
        f"{'i' * 70}.onnx": f"the voice id piper_{'i' * 70} is longer than 64 characters",
    }
    warned: list[tuple[str, Mapping[str, str]]] = []
    config = EngineConfig(models, warn=lambda event, fields: warned.append((event, fields)))
    assert [voice.id for voice in SPEC.voices(config)] == [THORSTEN, VIVOS]
    SPEC.load(config)
    assert [(event, fields["file"]) for event, fields in warned] == [("voice_file_skipped", name) for name in reasons]
    finding = check_models(SPEC, config)
    assert (finding.status, "b-cut.onnx: it is no complete ONNX file" in finding.message) == ("warn", True)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"speaker_id_map": {}', '"speaker_id_map": ' + "[" * 100_000, "bad.onnx.json is not readable as JSON"),
        ('"speaker_id_map": {}', '"x": "' + "x" * 1024**2 + '"', "bad.onnx.json is not a file of at most 1048576 bytes"),
        ('"speaker_id_map": {}', '"speaker_id_map": 7', NO_DESCRIPTION),
        ('"speaker_id_map": {}', '"speaker_id_map": ["a", "b"]', NO_DESCRIPTION),
        ('"speaker_id_map": {}', '"speaker_id_map": {"a": 1, "b": "2"}', NO_DESCRIPTION),
        ('"speaker_id_map": {}', '"speaker_id_map": {"a": null, "b": null}', NO_DESCRIPTION),
        ('"speaker_id_map": {}', '"speaker_id_map": {"a": 0, "b": 1e999}', NO_DESCRIPTION),
        ('"speaker_id_map": {}', '"speaker_id_map": {"a b": 0, "a_b": 1}', "another voice has the id piper_bad-a_b"),
        (
            '"speaker_id_map": {}',
            f'"speaker_id_map": {json.dumps({str(each): each for each in range(1001)})}',
            "it has more than 1000 speakers",
        ),
        ("22050", "1e999", "its sample rate is not from 8000 to 192000 Hz"),
        ("22050", "1", "its sample rate is not from 8000 to 192000 Hz"),
        ('"length_scale": 1', '"length_scale": 1e9', "its length scale is not from 0.1 to 10.0"),
        ('"voice": "de"', '"voice": ["de"]', NO_DESCRIPTION),
        ('"code": "de_DE"', f'"code": "de{"-aa" * 1000}"', NO_DESCRIPTION),
        ('"joe"', r'"\ud800x"', "its name is not valid Unicode of at most 100 characters"),
        ('"joe"', f'"{"x" * 1000}"', "its name is not valid Unicode of at most 100 characters"),
    ],
    ids=range(16),
)
def test_hostile_descriptions_are_skipped_with_a_reason(models: Path, old: str, new: str, reason: str) -> None:
    file = write_voice(models / "piper", "bad", dataset="joe").with_name("bad.onnx.json")
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    assert SPEC.unusable(models) == [f"bad.onnx: {reason}"]
    usable = [voice.id for voice in SPEC.voices(EngineConfig(models)) if not voice.id.startswith("piper_bad-")]
    assert usable == [THORSTEN, VIVOS]


def test_hostile_files_are_skipped_with_a_reason(models: Path) -> None:
    home = models / "piper"
    write_voice(home, "a b")
    write_voice(home, "a_b")
    write_voice(home, "joe")
    fifo = write_voice(home, "fifo")
    fifo.unlink()
    os.mkfifo(fifo)
    lonely = write_voice(home, "lonely").with_name("lonely.onnx.json")
    lonely.unlink()
    os.mkfifo(lonely)
    write_voice(home, "many").write_bytes(b"\x3a\x00" * 1_000_000)
    with write_voice(home, "zeros").open("r+b") as file:
        file.truncate(1024**3)
    assert SPEC.unusable(models) == [
        "a_b.onnx: another voice has the id piper_a_b",
        "fifo.onnx: it is no complete ONNX file",
        "joe.onnx: another voice has the id piper_joe",
        "lonely.onnx: lonely.onnx.json is not a file of at most 1048576 bytes",
        "many.onnx: it is no complete ONNX file",
        "zeros.onnx: it is no complete ONNX file",
    ]
    assert [voice.id for voice in SPEC.voices(EngineConfig(models))] == ["piper_a_b", THORSTEN, VIVOS]


async def test_a_text_is_spoken_by_a_voice_of_the_folder(replica: Replica, models: Path) -> None:
    async with replica(engines=("piper",), default_voice=THORSTEN, models=models) as deps:
        for text, voice in ((GERMAN, THORSTEN), (VIETNAMESE, VIVOS)):
            audio = await synthesize(SynthesizeRequest(text=text), ALICE, deps)
            assert (audio.settings.voice_id, audio.alignment) == (voice, "model")


async def test_a_language_without_a_voice_is_refused_with_how_to_add_one(replica: Replica, models: Path) -> None:
    async with replica(engines=("piper",), default_voice=THORSTEN, models=models) as deps:
        options: dict[str, Any] = {"language": "nl"}
        with pytest.raises(ValidationError) as refused:
            await plan_speech("Goedemorgen allemaal.", None, SpeechConfig(**options), "usr_alice", deps)
        assert (
            "No ready engine speaks nl. To add it: for piper, put a Piper voice for it into the folder" in refused.value.message
        )
