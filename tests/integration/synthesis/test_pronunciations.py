"""Words of a stored audio are found with their pronunciation, for the correction of their segment."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from pydantic import BaseModel

from echo_common.contracts.errors.synthesis import SegmentChangedError, SynthesisNotFoundError
from echo_common.contracts.http.normalization import CreateDictionaryEntry
from echo_common.errors import ValidationError
from echo_common.http.pagination import Page
from echo_synthesis.domain import WordTiming
from echo_synthesis.pipeline.segment_table import KeptSegment
from echo_synthesis.text.lexicon import relevant
from echo_synthesis.usecases.audio import words_of
from echo_synthesis.usecases.dictionary import list_entries
from echo_synthesis.usecases.pronunciations import WordRange, find_pronunciation
from tests.support.segments import ALICE, MALLORY, queued, replaced, spoken, until
from tests.support.synthesis_replica import Replica

TEXT = "Dr. Hugh-Jones lives in New\nYork. He paid 5 dollars."


@pytest.mark.parametrize(
    ("first", "last", "segment", "term", "said"),
    [
        (0, 0, 0, "Dr", "Doctor"),
        (4, 5, 0, "New York", "New York"),
        (6, 6, 1, "He", "He"),
        (8, 8, 1, "5", "five"),
    ],
)
async def test_words_are_found_as_written_and_as_spoken(
    replica: Replica, first: int, last: int, segment: int, term: str, said: str
) -> None:
    async with replica() as deps:
        audio = await spoken(deps, TEXT)
        words = await words_of(audio, deps)
        by_index = await find_pronunciation(audio.id, WordRange(start_word=first, end_word=last), ALICE, deps)
        start, end = words[first].start, words[last].end
        by_time = await find_pronunciation(audio.id, WordRange(start_time=start + 0.01, end_time=end - 0.01), ALICE, deps)
        assert by_index == by_time
        assert (by_index.number, by_index.start_word, by_index.end_word) == (segment, first, last)
        assert (by_index.start, by_index.end) == (start, end)
        assert (by_index.term.removesuffix("."), by_index.spoken) == (term, said)
        assert relevant([CreateDictionaryEntry(term=by_index.term, respelling="x")], by_index.segment.text)


async def test_the_prescribed_pronunciation_is_named(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "Hugh waits.")
        wanted = WordRange(start_word=0, end_word=0)
        assert (await find_pronunciation(audio.id, wanted, ALICE, deps)).ipa is None
        await replaced(audio, 0, deps, dictionary_entry=CreateDictionaryEntry(term="Hugh", respelling="hue"))
        assert (await find_pronunciation(audio.id, wanted, ALICE, deps)).spoken == "hue"


async def test_words_prescribed_together_have_one_pronunciation(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "He lives in New York.")
        await replaced(audio, 0, deps, dictionary_entry=CreateDictionaryEntry(term="New York", ipa="nu jɔk"))

        async def find_ipa(first: int, last: int) -> str | None:
            return (await find_pronunciation(audio.id, WordRange(start_word=first, end_word=last), ALICE, deps)).ipa

        assert await find_ipa(3, 4) == "nu jɔk"
        assert (await find_ipa(3, 3), await find_ipa(4, 4), await find_ipa(2, 4)) == (None, None, None)


@pytest.mark.parametrize(
    "wanted",
    [
        {"start_word": 5, "end_word": 6},
        {"start_word": 9, "end_word": 20},
        {"start_time": 1_000.0, "end_time": 1_001.0},
        {"start_time": 0.0, "end_time": 1_000.0},
    ],
)
async def test_ranges_outside_a_segment_are_refused(replica: Replica, wanted: dict[str, Any]) -> None:
    async with replica() as deps:
        audio = await spoken(deps, TEXT)
        with pytest.raises(ValidationError):
            await find_pronunciation(audio.id, WordRange(**wanted), ALICE, deps)


async def test_words_belong_to_their_owner(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, TEXT)
        with pytest.raises(SynthesisNotFoundError):
            await find_pronunciation(audio.id, WordRange(start_word=0, end_word=0), MALLORY, deps)


async def test_a_segment_that_was_replaced_since_is_not_corrected(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "Hugh waits. Nobody comes.")
        found = await find_pronunciation(audio.id, WordRange(start_word=0, end_word=0), ALICE, deps)
        correction = {
            "dictionary_entry": CreateDictionaryEntry(term="Hugh", respelling="hue"),
            "expected_checksum": found.segment.checksum,
        }
        await replaced(audio, 1, deps, text="Somebody came.")
        job = await until(await queued(audio, 0, deps, "key", **correction), deps)
        repeated = await queued(audio, 0, deps, "key", **correction)
        assert repeated.id == job.id
        with pytest.raises(SegmentChangedError):
            await queued(audio, 0, deps, "another key", **correction | {"dictionary_entry": None})
        page = Page(limit=20, offset=0, sort_by="term", sort_order="asc")
        assert [entry.respelling for entry in (await list_entries(ALICE, page, deps))[0]] == ["hue"]


@pytest.mark.parametrize("correction", [{}, {"dictionary_entry": CreateDictionaryEntry(term="waits", ipa="wets")}])
async def test_a_replacement_with_the_same_text_changes_the_checksum(replica: Replica, correction: dict[str, Any]) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "Hugh waits. Nobody comes.")
        stale = (await find_pronunciation(audio.id, WordRange(start_word=0, end_word=0), ALICE, deps)).segment.checksum
        await replaced(audio, 0, deps, **correction)
        with pytest.raises(SegmentChangedError):
            await queued(audio, 0, deps, expected_checksum=stale)


async def test_words_of_a_long_audio_are_found_wherever_they_are(
    replica: Replica, monkeypatch: pytest.MonkeyPatch, line_counts: Counter[str]
) -> None:
    monkeypatch.setattr("echo_common.storage.filesystem.BLOCK", 4_096)
    async with replica() as deps:
        audio = await spoken(deps, " ".join(f"Go on, {number} 😂." for number in range(400)))
        words = await words_of(audio, deps)
        assert audio.times_key is not None
        assert audio.segments_key is not None
        for index in [*range(0, len(words) - 40, 97), *range(len(words) - 4, len(words))]:
            line_counts.clear()
            by_index = await find_pronunciation(audio.id, WordRange(start_word=index, end_word=index), ALICE, deps)
            assert (by_index.start, by_index.end, by_index.number) == (words[index].start, words[index].end, index // 4)
            assert (by_index.segment.text.count("Go on"), by_index.segment.first_word) == (1, index // 4 * 4)
            if words[index].spoken != "":
                middle = (by_index.start + by_index.end) / 2
                by_time = await find_pronunciation(audio.id, WordRange(start_time=middle, end_time=by_index.end), ALICE, deps)
                assert by_index == by_time
        assert line_counts["WordTiming"] < 300 < len(words)
        assert line_counts["KeptSegment"] < 200


@pytest.fixture
def line_counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Number of lines that were parsed, by their class."""
    counts: Counter[str] = Counter()
    for model in (WordTiming, KeptSegment):
        monkeypatch.setattr(model, "model_validate_json", partial(_parse_and_count, model.model_validate_json, counts))
    return counts


def _parse_and_count(parse: Callable[[str | bytes], BaseModel], counts: Counter[str], line: str | bytes) -> BaseModel:
    parsed = parse(line)
    counts[type(parsed).__name__] += 1
    return parsed
