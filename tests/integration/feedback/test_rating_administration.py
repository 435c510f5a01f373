"""Administrators list the ratings of all users."""

import csv
import io
from typing import Any

from echo_feedback.domain.summaries import Subject
from tests.integration.feedback.conftest import FeedbackClient
from tests.integration.feedback.test_summaries import until
from tests.support.person import refusal


async def test_administrators_list_ratings_of_all_users(ada: FeedbackClient, eve: FeedbackClient) -> None:
    admin = ada.acting_as("usr_admin", scope="admin")
    await ada.rated(await ada.speech(), 1, reason="noise", comment="Loud.")
    await eve.rated(await eve.speech(voice_id="other_voice", engine="other"), 5)

    async def listed(**query: Any) -> list[int]:
        return [rating["rating"] for rating in await admin.get("/admin/feedback", **query)]

    assert await listed() == [5, 1]
    assert await listed(sort_by="rating", sort_order="asc") == [1, 5]
    assert await listed(user_id="usr_eve") == [5]
    assert await listed(voice_id="tone_low") == [1]
    assert await listed(engine="other") == [5]
    assert await listed(reason="noise") == [1]
    assert await listed(min_rating=2) == [5]
    assert await listed(max_rating=2) == [1]
    assert await listed(limit=1, offset=1) == [1]
    newest = (await admin.get("/admin/feedback", limit=1))[0]["created_at"]
    assert await listed(**{"from": newest}) == [5]
    assert await listed(to=newest) == [1]


async def test_ranges_of_ratings_that_cannot_match_are_refused(ada: FeedbackClient) -> None:
    admin = ada.acting_as("usr_admin", scope="admin")
    for client, path in ((ada, "/feedback"), (admin, "/admin/feedback")):
        refused = await client.ask("GET", path, params={"min_rating": 4, "max_rating": 3})
        assert refusal(refused) == (422, "VALIDATION_ERROR")
        assert await client.get(path, min_rating=3, max_rating=3) == []


async def test_ratings_are_available_as_csv_without_formulas(ada: FeedbackClient) -> None:
    admin = ada.acting_as("usr_admin", scope="admin")
    comments = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", 'He said "so",\nthen left.']
    for comment in comments:
        await ada.rated(await ada.speech(), 3, comment=comment, categories=["clear", "warm"])
    response = await admin.ask("GET", "/admin/feedback", params={"format": "csv", "sort_order": "asc", "limit": 1})
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    # leading white space of a comment is removed when it is submitted
    assert [row["comment"] for row in rows] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'=1", 'He said "so",\nthen left.']
    assert {row["categories"] for row in rows} == {"clear warm"}


async def test_ratings_of_all_users_are_for_administrators(ada: FeedbackClient) -> None:
    assert refusal(await ada.ask("GET", "/admin/feedback")) == (403, "FORBIDDEN")


async def test_administrators_see_totals_of_voices_and_engines(ada: FeedbackClient) -> None:
    admin = ada.acting_as("usr_admin", scope="admin")
    for rating in (3, 5):
        await ada.rated(await ada.speech(), rating)
    await until(ada, Subject.ENGINE, "tone", (0, 0, 1, 0, 1))
    found = await admin.get("/admin/feedback/totals", sort_by="name", sort_order="desc")
    assert [(totals["subject"], totals["name"], totals["count"], totals["mean"]) for totals in found] == [
        ("voice", "tone_low", 2, 4.0),
        ("engine", "tone", 2, 4.0),
    ]
    assert found[0]["distribution"] == {"1": 0, "2": 0, "3": 1, "4": 0, "5": 1}
    only = await admin.get("/admin/feedback/totals", subject="engine")
    assert [totals["name"] for totals in only] == ["tone"]
    assert refusal(await ada.ask("GET", "/admin/feedback/totals")) == (403, "FORBIDDEN")
