"""A rating of mispronounced words offers a dictionary entry, which the user accepts with one request."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from echo_common.contracts.events.auth import UserDeleted
from tests.integration.feedback.conftest import FeedbackClient, Start
from tests.support.eventually import eventually
from tests.support.person import data, refusal
from tests.support.upstream import Asked, Exchange, Upstream

WORDS = {
    "segment": 1,
    "segment_checksum": "5d7e",
    "term": "Hugh",
    "spoken": "Hugh",
    "ipa": None,
    "start_word": 3,
    "end_word": 3,
    "start_time": 1.0,
    "end_time": 1.4,
}
MISPRONOUNCED = {"reason": "mispronounced", "start_word": 3, "end_word": 3}
HUE = {"respelling": "hue"}


@dataclass
class Synthesis:
    """The synthesis service: it answers with the words and with a job, unless a test sets a refusal or holds it."""

    upstream: Upstream = field(default_factory=Upstream)
    refusal: tuple[int, dict[str, Any]] | None = None
    resume: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.upstream.answer = self.answer
        self.resume.set()

    async def answer(self, exchange: Exchange) -> None:
        await exchange.read()
        await self.resume.wait()
        if self.refusal is not None:
            status, error = self.refusal
            await exchange.json(error, status)
        elif exchange.asked.method == "GET":
            await exchange.json(WORDS)
        else:
            await exchange.json({"id": f"job_{exchange.asked.header('idempotency-key')}"}, 202)

    @property
    def corrections(self) -> list[Asked]:
        """Requests to speak a segment again."""
        return [asked for asked in self.upstream.asked if asked.method == "POST"]


@pytest.fixture
def synthesis() -> Synthesis:
    return Synthesis()


@pytest.fixture
async def ada(start: Start, synthesis: Synthesis) -> AsyncIterator[FeedbackClient]:
    async with synthesis.upstream.serving() as url, start(synthesis_url=url) as client:
        yield client


async def offered(client: FeedbackClient, **fields: Any) -> dict[str, Any]:
    return await client.rated(await client.speech(), 2, **MISPRONOUNCED | fields)


async def accept(client: FeedbackClient, rating: dict[str, Any], **body: Any) -> Any:
    return await client.ask("POST", f"/feedback/{rating['id']}/dictionary-entry", json=body or HUE)


async def test_a_rating_of_mispronounced_words_offers_a_dictionary_entry(ada: FeedbackClient, synthesis: Synthesis) -> None:
    rating = await offered(ada)
    assert rating["offer"] == {
        **{name: WORDS[name] for name in ("term", "spoken", "ipa", "segment", "start_word", "end_word")},
        "acceptance": None,
    }
    assert (await ada.get(f"/feedback/{rating['id']}"))["offer"] == rating["offer"]
    asked = synthesis.upstream.asked[-1]
    parts = urlsplit(asked.target)
    assert parts.path == f"/tts/{rating['audio_id']}/pronunciation"
    assert parse_qs(parts.query) == {"start_word": ["3"], "end_word": ["3"]}
    assert asked.header("authorization") == ada.headers["Authorization"]


async def test_a_range_of_time_offers_an_entry_too(ada: FeedbackClient, synthesis: Synthesis) -> None:
    fields = {"reason": "mispronounced", "start_time": 1.0, "end_time": 1.5}
    assert (await ada.rated(await ada.speech(), 2, **fields))["offer"]["term"] == "Hugh"
    assert parse_qs(urlsplit(synthesis.upstream.asked[-1].target).query) == {"start_time": ["1.0"], "end_time": ["1.5"]}


@pytest.mark.parametrize(
    "fields",
    [{"reason": "mispronounced"}, {"reason": "noise", "start_word": 3, "end_word": 3}, {"start_word": 3, "end_word": 3}],
)
async def test_other_ratings_offer_nothing(ada: FeedbackClient, synthesis: Synthesis, fields: dict[str, Any]) -> None:
    rating = await ada.rated(await ada.speech(), 2, **fields)
    assert rating["offer"] is None
    assert synthesis.upstream.asked == []
    assert refusal(await accept(ada, rating)) == (404, "DICTIONARY_OFFER_NOT_FOUND")


@pytest.mark.parametrize(("status", "code"), [(409, "SEGMENTS_NOT_KEPT"), (422, "VALIDATION_ERROR"), (503, "UNAVAILABLE")])
async def test_ratings_are_stored_although_no_offer_can_be_made(
    ada: FeedbackClient, synthesis: Synthesis, status: int, code: str
) -> None:
    synthesis.refusal = (status, {"code": code, "message": "Refused."})
    rating = await offered(ada)
    assert (rating["rating"], rating["offer"]) == (2, None)


async def test_an_installation_without_synthesis_offers_nothing(start: Start) -> None:
    async with start() as ada:
        assert (await offered(ada))["offer"] is None


async def test_an_offer_is_accepted_once_with_one_request(ada: FeedbackClient, synthesis: Synthesis) -> None:
    rating = await offered(ada)
    accepted = data(await accept(ada, rating), 202)
    [asked] = synthesis.corrections
    assert asked.target == f"/tts/{rating['audio_id']}/segments/1/regenerate"
    assert json.loads(asked.body) == {
        "dictionary_entry": {"term": "Hugh", "respelling": "hue", "case_sensitive": False},
        "expected_checksum": "5d7e",
    }
    assert asked.header("authorization") == ada.headers["Authorization"]
    acceptance = accepted["offer"]["acceptance"]
    assert acceptance["job_id"] == f"job_{asked.header('idempotency-key')}"
    assert acceptance["correction"]["respelling"] == "hue"
    assert data(await accept(ada, rating), 202)["offer"] == accepted["offer"]
    assert refusal(await accept(ada, rating, respelling="you")) == (409, "DICTIONARY_OFFER_ACCEPTED")
    assert len(synthesis.corrections) == 1


async def test_a_new_rating_has_a_new_offer(ada: FeedbackClient, synthesis: Synthesis) -> None:
    rating = await offered(ada)
    data(await accept(ada, rating), 202)
    again = await ada.rated(rating["audio_id"], 1, **MISPRONOUNCED)
    assert again["offer"]["acceptance"] is None
    data(await accept(ada, again), 202)
    keys = {asked.header("idempotency-key") for asked in synthesis.corrections}
    assert len(keys) == 2


async def test_of_concurrent_corrections_one_is_carried_out(ada: FeedbackClient, synthesis: Synthesis) -> None:
    rating = await offered(ada)
    synthesis.resume.clear()
    same = [asyncio.create_task(accept(ada, rating)) for _ in range(2)]
    await eventually(lambda: len(synthesis.corrections) == 2)
    assert refusal(await accept(ada, rating, respelling="you")) == (409, "DICTIONARY_OFFER_ACCEPTED")
    synthesis.resume.set()
    jobs = {data(await each, 202)["offer"]["acceptance"]["job_id"] for each in same}
    assert len(jobs) == 1
    assert len({asked.header("idempotency-key") for asked in synthesis.corrections}) == 1


async def test_a_refused_correction_leaves_the_offer_open(ada: FeedbackClient, synthesis: Synthesis) -> None:
    rating = await offered(ada)
    details = [{"field": "dictionary_entry.ipa", "message": "Not IPA."}]
    for error, expected in (
        ((422, {"code": "VALIDATION_ERROR", "message": "Not IPA.", "details": details}), (422, "VALIDATION_ERROR")),
        ((409, {"code": "SEGMENT_CHANGED", "message": "Changed."}), (409, "SEGMENT_CHANGED")),
        ((404, {"code": "SYNTHESIS_NOT_FOUND", "message": "Gone."}), (404, "AUDIO_NOT_FOUND")),
        ((409, {"code": "DICTIONARY_FULL", "message": "Full."}), (409, "DICTIONARY_FULL")),
    ):
        synthesis.refusal = error
        refused = await accept(ada, rating, ipa="1")
        assert refusal(refused) == expected
        if expected[0] == 422:
            assert refused.json()["error"]["details"] == [{"field": "ipa", "message": "Not IPA."}]
    assert (await ada.get(f"/feedback/{rating['id']}"))["offer"]["acceptance"] is None
    synthesis.refusal = None
    assert data(await accept(ada, rating), 202)["offer"]["acceptance"]["job_id"]


async def test_an_interrupted_correction_is_continued_by_the_same_request(ada: FeedbackClient, synthesis: Synthesis) -> None:
    rating = await offered(ada)
    synthesis.refusal = (503, {"code": "SERVICE_UNAVAILABLE", "message": "Starting."})
    assert (await accept(ada, rating)).status_code == 503
    assert refusal(await accept(ada, rating, respelling="you")) == (409, "DICTIONARY_OFFER_ACCEPTED")
    synthesis.refusal = None
    assert data(await accept(ada, rating), 202)["offer"]["acceptance"]["job_id"]
    assert len({asked.header("idempotency-key") for asked in synthesis.corrections}) == 1


@pytest.mark.parametrize("body", [{"language": "en"}, {"respelling": ""}, {"respelling": "hue", "term": "Hugh"}])
async def test_invalid_corrections_are_refused(ada: FeedbackClient, synthesis: Synthesis, body: dict[str, Any]) -> None:
    rating = await offered(ada)
    assert refusal(await accept(ada, rating, **body)) == (422, "VALIDATION_ERROR")
    assert synthesis.corrections == []


async def test_offers_belong_to_the_owner_of_the_rating(ada: FeedbackClient, synthesis: Synthesis) -> None:
    rating, eve = await offered(ada), ada.acting_as("usr_eve")
    assert refusal(await accept(eve, rating)) == (404, "RATING_NOT_FOUND")
    reader = ada.acting_as("usr_ada", scope="speech:read")
    assert refusal(await accept(reader, rating)) == (403, "FORBIDDEN")
    data(await ada.ask("DELETE", f"/feedback/{rating['id']}"))
    assert refusal(await accept(ada, rating)) == (404, "RATING_NOT_FOUND")
    assert synthesis.corrections == []


async def test_an_erased_rating_has_no_offer(ada: FeedbackClient) -> None:
    await offered(ada)
    await ada.publish(UserDeleted(user_id="usr_ada"))

    async def erased() -> bool:
        found = await ada.deps.ratings.find_one({"rating": 2})
        return found is not None and found.user_id is None and found.offer is None

    await eventually(erased)
