"""Piper speaks a replaced segment differently; the samples of the other segments are those of before."""

import numpy as np

from echo_synthesis.usecases.audio import find_audio, words_of
from tests.support.models import Models
from tests.support.segments import ALICE, parts_of, replaced, spoken
from tests.support.synthesis_replica import Replica

STORY = "Hugh reads the first sentence. Hugh reads the second one. The third one ends the story."


async def test_only_the_replaced_segment_sounds_different(replica: Replica, speech_models: Models) -> None:
    async with replica(engines=("piper",), default_voice="piper_joe", models=speech_models("piper")) as deps:
        audio = await spoken(deps, STORY)
        before, words = await parts_of(audio, deps), await words_of(audio, deps)

        await replaced(audio, 1, deps)
        after = await parts_of(await find_audio(audio.id, ALICE, deps), deps)
        assert [np.array_equal(one, other) for one, other in zip(before, after, strict=True)] == [True, False, True]

        await replaced(audio, 1, deps, dictionary_entry={"term": "Hugh", "respelling": "hue"})
        revised = await find_audio(audio.id, ALICE, deps)
        again = await parts_of(revised, deps)
        assert [np.array_equal(one, other) for one, other in zip(before, again, strict=True)] == [True, False, True]
        moved = await words_of(revised, deps)
        assert [word.word for word in moved] == [word.word for word in words]
        assert moved[:5] == words[:5]
        delta = revised.duration - audio.duration
        assert all(abs(new.start - old.start - delta) < 1e-3 for old, new in zip(words[10:], moved[10:], strict=True))
