"""Engines that work on phonemes tell the pronunciation of words, and a dictionary entry with it speaks the same sounds."""

# ruff: noqa: RUF001  (IPA)
import pytest

from echo_common.contracts.http.normalization import CreateDictionaryEntry
from echo_synthesis.usecases.audio import find_audio
from echo_synthesis.usecases.pronunciations import WordRange, find_pronunciation
from tests.support.models import Models
from tests.support.segments import ALICE, replaced, spoken
from tests.support.synthesis_replica import Replica

TEXT = "Nobody comes. Dr. Hugh-Jones pays $5 in New York, far away."


@pytest.mark.parametrize(
    ("engine", "voice", "ipa"), [("kokoro", "af_heart", "nˈuː jˈɔːɹk"), ("piper", "piper_joe", "nˈuː jˈɔːɹk")]
)
@pytest.mark.parametrize(("first", "last", "term"), [(2, 2, "Dr"), (3, 3, "Hugh-Jones"), (5, 5, "$5"), (7, 8, "New York")])
async def test_an_entry_with_the_spoken_sounds_speaks_them_again(
    replica: Replica, speech_models: Models, engine: str, voice: str, ipa: str, first: int, last: int, term: str
) -> None:
    async with replica(engines=(engine,), default_voice=voice, models=speech_models(engine)) as deps:
        audio = await spoken(deps, TEXT)
        wanted = WordRange(start_word=first, end_word=last)
        found = await find_pronunciation(audio.id, wanted, ALICE, deps)
        assert found.term == term
        assert found.ipa is not None
        assert (found.ipa == ipa) is (term == "New York")

        entry = CreateDictionaryEntry(term=found.term, ipa=found.ipa)
        revised = await replaced(audio, found.number, deps, dictionary_entry=entry)
        again = await find_pronunciation(audio.id, wanted, ALICE, deps)
        assert again.ipa == found.ipa
        heard = [word.ipa for word in (await find_audio(audio.id, ALICE, deps)).words[first : last + 1]]
        assert heard == [found.ipa, *[None] * (last - first)]
        assert revised.words[1].ipa == audio.words[1].ipa


@pytest.mark.parametrize(("engine", "voice"), [("kokoro", "af_heart"), ("piper", "piper_joe")])
async def test_cached_speech_tells_its_sounds(replica: Replica, speech_models: Models, engine: str, voice: str) -> None:
    async with replica(engines=(engine,), default_voice=voice, models=speech_models(engine), cache_bytes=10_000_000) as deps:
        first, second = await spoken(deps, TEXT), await spoken(deps, TEXT)
        assert second.cached_units == second.units
        assert [word.ipa for word in second.words] == [word.ipa for word in first.words]
        assert all(word.ipa for word in second.words)
