"""A hundred files made to do harm, or that are no recording of one person: all refused, and nobody dies of it."""

import resource

import pytest

from tests.integration.voice.conftest import Booth, Start
from tests.support.badfiles import bad_files
from tests.support.person import data, refusal

_AT_THE_DOOR = {(415, "UNSUPPORTED_MEDIA"), (413, "FILE_TOO_LARGE")}
_MOST_KIB = 1_200_000


@pytest.mark.timeout(400)
async def test_a_hundred_bad_files_are_refused_with_a_reason_and_good_ones_still_pass(start: Start, speech: bytes) -> None:
    async with start(samples_at_once=2, uploads_a_day=0, decode_seconds=20) as ada:
        waiting, count = {}, 0
        for name, content in bad_files():
            count += 1
            answer = await ada.upload(content, name=name)
            if answer.is_success:
                waiting[name] = data(answer)["sample_id"]
            else:
                assert refusal(answer) in _AT_THE_DOOR, name
        assert count == 100

        for name, sample_id in waiting.items():
            await _rejected(ada, name, sample_id)

        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < _MOST_KIB
        assert (await ada.sample(speech))["status"] == "ready"


async def _rejected(ada: Booth, name: str, sample_id: str) -> None:
    sample = await ada.processed(sample_id)
    assert sample["status"] == "rejected", (name, sample)
    assert sample["error_code"] in {"SAMPLE_UNREADABLE", "SAMPLE_UNUSABLE"}, (name, sample)
    assert len(sample["error_message"]) > 20, name
