"""Ranges of time in queries are in UTC, and empty ones are refused."""

from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from echo_common.contracts.http.base import RequestBody, UtcTime
from echo_common.http.endpoints import PublicRouter
from echo_common.http.envelope import Success, install_error_handlers, ok
from echo_common.http.time_range import TimeRange, TimeRangeQuery

OUTSIDE_UTC = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")


class Deadline(RequestBody):
    at: UtcTime
    hours: float = 0.0


router = PublicRouter("things")


@router.endpoint("GET", "/things")
async def list_things(time: TimeRangeQuery) -> Success[list[str | None]]:
    """List things."""
    return ok([None if moment is None else moment.isoformat() for moment in (time.since, time.until)])


@router.endpoint("POST", "/things")
async def create_thing(body: Deadline) -> Success[str]:
    """Create a thing."""
    return ok(body.at.isoformat())


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://echo")


async def test_times_of_all_zones_become_utc(client: httpx.AsyncClient) -> None:
    found = await client.get("/things", params={"from": "2026-01-31T01:00:00+02:00", "to": "2026-01-31T10:00:00Z"})
    assert found.json()["data"] == ["2026-01-30T23:00:00+00:00", "2026-01-31T10:00:00+00:00"]
    assert (await client.get("/things")).json()["data"] == [None, None]


@pytest.mark.parametrize(
    "moment", [*OUTSIDE_UTC, "2026-01-31T10:00:00", "soon", "0.0", "1770000000", "1e300", "NaN", "99999-01-01T00:00:00Z"]
)
@pytest.mark.parametrize("name", ["from", "to"])
async def test_times_that_are_not_in_utc_are_refused(client: httpx.AsyncClient, name: str, moment: str) -> None:
    refused = await client.get("/things", params={name: moment})
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (422, "VALIDATION_ERROR")
    assert [detail["field"] for detail in error["details"]] == [name]


@pytest.mark.parametrize("until", ["2026-01-31T10:00:00Z", "2026-01-31T09:00:00Z", "2026-01-31T12:00:00+02:00"])
async def test_empty_ranges_are_refused(client: httpx.AsyncClient, until: str) -> None:
    refused = await client.get("/things", params={"from": "2026-01-31T10:00:00Z", "to": until})
    assert refused.status_code == 422
    assert refused.json()["error"]["message"] == "to: Enter a time after that of from."


async def test_the_first_and_the_last_time_of_utc_are_valid(client: httpx.AsyncClient) -> None:
    found = await client.get("/things", params={"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59.999999Z"})
    assert found.status_code == 200


def test_absent_limits_filter_nothing() -> None:
    moment = datetime(2026, 1, 31, tzinfo=UTC)
    assert TimeRange().where("at") == {}
    assert TimeRange(since=moment).where("at") == {"at": {"$gte": moment}}
    assert TimeRange(until=moment).where("at") == {"at": {"$lt": moment}}


@pytest.mark.parametrize("moment", OUTSIDE_UTC)
async def test_times_in_bodies_are_in_utc_too(client: httpx.AsyncClient, moment: str) -> None:
    refused = await client.post("/things", json={"at": moment})
    assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (422, "at")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_numbers_that_are_not_finite_are_refused(client: httpx.AsyncClient, number: str) -> None:
    body = f'{{"at": "2026-01-31T10:00:00Z", "hours": {number}}}'
    refused = await client.post("/things", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422
    assert refused.json()["error"]["message"] == "hours: Enter a finite number."
