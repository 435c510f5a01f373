"""Segments are spoken again with edited texts, markup and new entries of the dictionary."""

from typing import Any

import pytest

from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.synthesis import (
    SegmentNotFoundError,
)
from echo_common.contracts.http.normalization import CreateDictionaryEntry, DictionaryEntryPatch
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Metric, Plan
from echo_common.errors import ValidationError
from echo_common.live_settings import LiveSettings
from echo_synthesis.usecases.audio import text_of_audio, words_of
from echo_synthesis.usecases.dictionary import add_entry, change_entry, entry_added
from echo_synthesis.usecases.segments import find_segment
from tests.support.segments import ALICE, SSML, queued, replaced, segments_of, spoken, texts_of
from tests.support.synthesis_replica import Replica


async def test_a_segment_is_spoken_again_with_the_present_dictionary(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "Hugh waits here. Hugh goes.")
        await add_entry(CreateDictionaryEntry(term="Hugh", respelling="hue hue hue"), ALICE, deps)
        revised = await replaced(audio, 1, deps)
        before, after = await segments_of(audio, deps)
        assert (before.segment.spoken, after.segment.spoken) == ("Hugh waits here.", "hue hue hue goes.")
        assert await texts_of(revised, deps) == ["Hugh waits here.", "Hugh goes."]
        words = await words_of(revised, deps)
        assert [word.spoken for word in words] == [None, None, None, "hue hue hue", None]


async def test_markup_around_a_segment_still_applies_when_the_dictionary_has_changed(replica: Replica) -> None:
    async with replica() as deps:
        text = '<speak>First. <prosody rate="50%">Say <say-as interpret-as="characters">ABC</say-as> to Hugh.</prosody></speak>'
        audio = await spoken(deps, text)
        _, before = await segments_of(audio, deps)
        await add_entry(CreateDictionaryEntry(term="Hugh", respelling="hue"), ALICE, deps)
        await replaced(audio, 1, deps)
        _, after = await segments_of(audio, deps)
        assert after.segment.spoken == before.segment.spoken.replace("Hugh", "hue")
        assert {each.segment.tone.rate for each in after.segment.script} == {0.5}


async def test_a_dictionary_entry_is_added_with_the_replacement(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "Hugh waits.")
        for respelling in ("hue", "hew"):
            await replaced(audio, 0, deps, dictionary_entry={"term": "Hugh", "respelling": respelling})
            entries = await deps.dictionary.of(ALICE.user_id)
            assert [(entry.term, entry.respelling) for entry in entries] == [("Hugh", respelling)]
            [found] = await segments_of(audio, deps)
            assert found.segment.spoken == f"{respelling} waits."
        with pytest.raises(ValidationError):
            await queued(audio, 0, deps, dictionary_entry={"term": "Mary", "respelling": "merry"})
        assert len(await deps.dictionary.of(ALICE.user_id)) == 1


async def test_a_refused_replacement_leaves_the_dictionary_unchanged(replica: Replica) -> None:
    limits = LiveSettings()
    async with replica(live_settings=limits) as deps:
        audio = await spoken(deps, "Hugh waits.")
        await replaced(audio, 0, deps, dictionary_entry={"term": "Hugh", "respelling": "hue"})
        limits.replace({QUOTAS[Metric.SYNTHESES][Plan.USER].key: 1})
        for entry in ({"term": "Hugh", "respelling": "hew"}, {"term": "waits", "respelling": "weights"}):
            with pytest.raises(QuotaExceededError):
                await queued(audio, 0, deps, dictionary_entry=entry)
        assert [entry.respelling for entry in await deps.dictionary.of(ALICE.user_id)] == ["hue"]


async def test_an_entry_that_was_changed_meanwhile_is_not_undone(replica: Replica) -> None:
    async with replica() as deps:
        for before in (None, "hoo"):
            adding = entry_added(CreateDictionaryEntry(term="Hugh", respelling="hue"), ALICE, deps)
            entry = await adding.__aenter__()
            assert entry is not None
            await change_entry(entry.id, DictionaryEntryPatch(respelling="hew"), ALICE, deps)
            assert not await adding.__aexit__(KeyError, KeyError(before), None)
            assert [entry.respelling for entry in await deps.dictionary.of(ALICE.user_id)] == ["hew"]


@pytest.mark.parametrize(
    ("body", "written", "spoken_text"),
    [
        ({"text": "Salt & 3 < 4."}, "Salt &amp; 3 &lt; 4.", "Salt and three is less than four."),
        ({"text": "Salt &amp; pepper."}, "Salt &amp; pepper.", "Salt and pepper."),
        ({"text": 'Say <sub alias="A B">C</sub>.'}, 'Say <sub alias="A B">C</sub>.', "Say A B."),
        ({"text": "</prosody></speak>"}, "&lt;/prosody&gt;&lt;/speak&gt;", None),
        ({"text": "Salt &amp; pepper.", "ssml": False}, "Salt &amp;amp; pepper.", None),
    ],
)
async def test_an_edited_text_keeps_a_document_well_formed(
    replica: Replica, body: dict[str, Any], written: str, spoken_text: str | None
) -> None:
    async with replica() as deps:
        audio = await spoken(deps, SSML)
        assert await texts_of(audio, deps) == ["One sentence.", 'Say <sub alias="hue">Hugh</sub> here.', "It ends."]
        revised = await replaced(audio, 1, deps, **body)
        text = await text_of_audio(revised, deps)
        assert text == SSML.replace('Say <sub alias="hue">Hugh</sub> here.', written)
        found = (await segments_of(revised, deps))[1]
        assert spoken_text in {None, found.segment.spoken}
        assert {each.segment.tone.rate for each in found.segment.script} == {0.5}
        words = await words_of(revised, deps)
        assert all(text[word.char_start : word.char_end] for word in words)
        assert [text[found.segment.start : found.segment.end] for found in await segments_of(revised, deps)] == await texts_of(
            revised, deps
        )
        await add_entry(CreateDictionaryEntry(term="sentence", respelling="phrase"), ALICE, deps)
        again = await replaced(revised, 0, deps)  # plans the whole document
        assert (await segments_of(again, deps))[0].segment.spoken == "One phrase."


@pytest.mark.parametrize("body", [{"text": "Say <b>this</b>."}, {"text": "Salt & pepper.", "ssml": True}])
async def test_invalid_markup_is_refused(replica: Replica, body: dict[str, Any]) -> None:
    async with replica() as deps:
        audio = await spoken(deps, SSML)
        with pytest.raises(ValidationError):
            await queued(audio, 1, deps, **body)
        assert await deps.jobs.count({}) == 0


async def test_markup_in_plain_text_is_spoken_as_it_is(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One sentence. Another.")
        with pytest.raises(ValidationError):
            await queued(audio, 0, deps, text="One <sub alias='x'>y</sub>.", ssml=True)
        revised = await replaced(audio, 0, deps, text="<speak>Loud</speak>", ssml=False)
        assert await text_of_audio(revised, deps) == "<speak>Loud</speak> Another."
        await add_entry(CreateDictionaryEntry(term="Another", respelling="other"), ALICE, deps)
        again = await replaced(revised, 1, deps)  # plans the whole text, which begins like SSML now
        assert (await segments_of(again, deps))[1].segment.spoken == "other."


@pytest.mark.parametrize("number", [-1, 5, 10**9])
async def test_unknown_segments_are_refused(replica: Replica, number: int) -> None:
    async with replica() as deps:
        audio = await spoken(deps)
        for attempt in (find_segment(audio.id, number, ALICE, deps), queued(audio, number, deps)):
            with pytest.raises(SegmentNotFoundError):
                await attempt


@pytest.mark.parametrize("text", ["\x00", "...", "   ", '<speak><break time="600s"/></speak>', "\ud800"])
async def test_texts_without_speech_are_refused(replica: Replica, text: str) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
        with pytest.raises((ValidationError, ValueError)):
            await queued(audio, 0, deps, text=text)
        assert await deps.jobs.count({}) == 0


async def test_the_whole_text_keeps_its_maximum_length(replica: Replica) -> None:
    async with replica(max_characters=30) as deps:
        audio = await spoken(deps, "One sentence. Two.")
        with pytest.raises(ValidationError):
            await queued(audio, 1, deps, text="Three and many more words.")
        assert (await replaced(audio, 1, deps, text="Three sentences.")).text_length == 30
