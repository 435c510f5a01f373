"""The list of syntheses merges jobs and synchronous syntheses."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import product

import pytest

from echo_common.clock import now
from echo_common.contracts.http.synthesis import SynthesizeRequest
from echo_common.errors import ValidationError
from echo_common.http.pagination import Page
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, Job, SpeechSettings
from echo_synthesis.usecases.jobs import JOB_ORDERS
from echo_synthesis.usecases.requests import MAXIMUM_OFFSET, Synthesis, delete_synthesis, find_synthesis, list_syntheses
from echo_synthesis.usecases.speech import synthesize
from tests.support.synthesis_replica import Replica, principal_of

ALICE = principal_of("usr_alice")
START = now().replace(microsecond=0)
SETTINGS = SpeechSettings(voice_id="tone_low", engine="tone", language="en-US")
FIRST = Page(limit=100, offset=0, sort_by="created_at", sort_order="desc")


def job(number: int) -> Job:
    """Return an ended job of a text with `number` characters; every third is cancelled."""
    made = Job.queue(ALICE.user_id, "x" * number, SETTINGS, word_count=1, units_total=1)
    made.created_at = START + timedelta(seconds=number)
    if number % 3:
        made.complete(made.claim("wrk_1", 15.0), made.audio_key, number / 4)
    else:
        made.cancel()
    return made


def audio(number: int, *, job_id: str | None = None) -> Audio:
    return Audio(
        id=f"aud_{number:03}",
        user_id=ALICE.user_id,
        synthesis_id=f"syn_{number:03}",
        job_id=job_id,
        settings=SETTINGS,
        object_key=f"audio/aud_{number:03}/0.wav",
        mime="audio/wav",
        size=1,
        checksum="",
        duration=number / 4,
        alignment="model",
        text="y" * number,
        text_length=number,
        created_at=START + timedelta(seconds=number),
    )


async def page_of(deps: Dependencies, page: Page) -> tuple[Sequence[Synthesis], int]:
    return await list_syntheses(ALICE, page, deps)


def id_of(found: Synthesis) -> str:
    return found.job.id if found.job else found.finished.id


@pytest.mark.parametrize("first", [range(0), range(0, 24, 2), range(12), range(12, 24), range(24)])
async def test_pages_of_the_list_join_to_the_whole_in_every_order(replica: Replica, first: range) -> None:
    async with replica() as deps:
        for number in range(24):
            await (deps.jobs.add(job(number)) if number in first else deps.audio.add(audio(number)))
        await deps.audio.add(audio(99, job_id="job_99"))
        for field, direction in product(JOB_ORDERS, ("asc", "desc")):
            whole, total = await page_of(deps, Page(limit=100, offset=0, sort_by=field, sort_order=direction))
            assert (len(whole), total) == (24, 24)
            values = [
                getattr(found.job, field) if found.job else getattr(found.finished, field, "completed") for found in whole
            ]
            placed = [(value is not None, value) for value in values]
            assert placed == sorted(placed, reverse=direction == "desc")
            paged: list[str] = []
            for offset in range(0, 30, 5):
                page = Page(limit=5, offset=offset, sort_by=field, sort_order=direction)
                paged += [id_of(found) for found in (await page_of(deps, page))[0]]
            assert paged == [id_of(found) for found in whole]


async def test_offsets_of_the_merged_list_are_bounded(replica: Replica) -> None:
    async with replica() as deps:
        assert await page_of(deps, FIRST.model_copy(update={"offset": MAXIMUM_OFFSET})) == ([], 0)
        with pytest.raises(ValidationError):
            await page_of(deps, FIRST.model_copy(update={"offset": MAXIMUM_OFFSET + 1}))


async def test_synchronous_syntheses_are_listed_with_their_text_until_deleted(replica: Replica) -> None:
    async with replica() as deps:
        request = SynthesizeRequest(text="Now at once.", metadata={"chapter": 1})
        made = await synthesize(request, ALICE, deps)
        [found], total = await page_of(deps, FIRST)
        assert (found.finished.id, found.finished.text, total) == (made.id, "Now at once.", 1)
        assert found.finished.metadata == {"chapter": 1}
        assert (await find_synthesis(made.synthesis_id, ALICE, deps)).finished.text == "Now at once."
        assert await list_syntheses(principal_of("usr_mallory"), FIRST, deps) == ([], 0)
        await delete_synthesis(made.synthesis_id, ALICE, deps)
        assert await page_of(deps, FIRST) == ([], 0)
        assert [key async for key in deps.objects.keys("audio/")] == []
