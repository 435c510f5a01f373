"""API usage is counted by user, endpoint and day from events, once each."""

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from echo_common.clock import now
from echo_common.contracts.events.gateway import EndpointUse, RequestServed
from echo_common.contracts.system_settings import RETENTION_USAGE_DAYS
from echo_feedback.usecases.retention import expire_records
from tests.integration.feedback.conftest import FeedbackClient, Start
from tests.integration.feedback.test_user_data import erased
from tests.support.eventually import eventually
from tests.support.person import refusal

VOICES = "GET /api/v1/voices"
SPEAK = "POST /api/v1/tts/synthesize"


def use(user_id: str | None = "usr_ada", endpoint: str = VOICES, *, days: int = 0, **fields: Any) -> EndpointUse:
    moment = now() - timedelta(days=days)
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    values: dict[str, Any] = {"requests": 1, "hour": hour, "last_request": moment}
    return EndpointUse(user_id=user_id, endpoint=endpoint, **values | fields)


def served(*uses: EndpointUse) -> RequestServed:
    return RequestServed(uses=uses)


async def admin_rows(client: FeedbackClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await client.acting_as("usr_admin", scope="admin").get("/admin/usage", **query)
    return found


async def until(client: FeedbackClient, requests: int) -> None:
    async def counted() -> bool:
        return bool(requests == sum(row["request_count"] for row in await admin_rows(client, limit=100)))

    await eventually(counted, within=20)


async def test_requests_are_counted_by_user_endpoint_and_day(ada: FeedbackClient, eve: FeedbackClient) -> None:
    late = now()
    await ada.publish(
        served(use(requests=3, client_errors=1), use("usr_eve", requests=5), use(None, requests=7)),
        served(use(requests=2, last_request=late), use(endpoint=SPEAK, server_errors=1, daily_limit=1_000)),
        served(use(days=2, requests=10)),
    )
    await until(ada, 28)
    today, before, *rest = await ada.get("/users/me/usage/series", endpoint=VOICES)
    assert (today["request_count"], today["client_errors"], today["daily_limit"], rest) == (5, 1, None, [])
    assert datetime.fromisoformat(today["last_request"]) == late
    assert (before["request_count"], before["day"]) == (10, (now() - timedelta(days=2)).date().isoformat())
    assert "user_id" not in today
    speech = (await ada.get("/users/me/usage/series", endpoint=SPEAK))[0]
    assert (speech["request_count"], speech["server_errors"], speech["daily_limit"]) == (1, 1, 1_000)
    assert [row["request_count"] for row in await eve.get("/users/me/usage/series")] == [5]
    ranked = await admin_rows(ada, sort_by="request_count", limit=2)
    assert [(row["user_id"], row["request_count"]) for row in ranked] == [("usr_ada", 10), (None, 7)]


async def test_an_event_counts_once_however_often_it_is_delivered(start: Start) -> None:
    async with start() as ada, start() as replica:
        events = [served(use(requests=1), use(endpoint=SPEAK, requests=2)) for _ in range(20)]
        await asyncio.gather(*(client.publish(*events, *events) for client in (ada, replica)))
        await until(ada, 60)
        await ada.publish(*events)
        assert sum(row["request_count"] for row in await admin_rows(ada)) == 60


async def test_an_event_of_two_hours_counts_both(ada: FeedbackClient) -> None:
    moment = datetime(2026, 1, 31, 11, tzinfo=UTC)
    await ada.publish(served(use(hour=moment, requests=2), use(hour=moment - timedelta(hours=1), requests=3)))
    await until(ada, 5)
    assert len(await admin_rows(ada)) == 1


async def test_usage_has_filters_pages_and_csv(ada: FeedbackClient) -> None:
    await ada.publish(served(*(use(days=days) for days in range(5)), use("usr_eve", "=cmd|' /C calc'!A0")))
    await until(ada, 6)
    assert len(await admin_rows(ada, user_id="usr_ada")) == 5
    since = (now() - timedelta(days=2)).isoformat()
    assert len(await admin_rows(ada, user_id="usr_ada", **{"from": since})) == 3
    assert len(await ada.get("/users/me/usage/series", limit=2, offset=4)) == 1
    admin = ada.acting_as("usr_admin", scope="admin")
    file = await admin.ask("GET", "/admin/usage", params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert len(rows) == 6
    assert {row["endpoint"] for row in rows} == {VOICES, "'=cmd|' /C calc'!A0"}
    own = await ada.ask("GET", "/users/me/usage/series", headers={**ada.headers, "Accept": "text/csv"})
    assert "user_id" not in own.text.splitlines()[0]


@pytest.mark.parametrize("path", ["/users/me/usage/series", "/admin/usage"])
async def test_usage_of_an_empty_range_or_an_unknown_order_is_refused(ada: FeedbackClient, path: str) -> None:
    client = ada.acting_as("usr_admin", scope="admin account")
    moment = now().isoformat()
    assert refusal(await client.ask("GET", path, params={"from": moment, "to": moment})) == (422, "VALIDATION_ERROR")
    assert refusal(await client.ask("GET", path, params={"sort_by": "counts"})) == (422, "VALIDATION_ERROR")


async def test_only_administrators_list_the_usage_of_all(ada: FeedbackClient) -> None:
    assert refusal(await ada.ask("GET", "/admin/usage")) == (403, "FORBIDDEN")


async def test_an_erased_user_loses_the_usage_and_remains_in_the_statistics(ada: FeedbackClient) -> None:
    await ada.publish(served(use(requests=4), use("usr_eve", requests=1)))
    await until(ada, 5)
    exported = [item.collection async for item in ada.deps.user_data.export("usr_ada") if hasattr(item, "collection")]
    assert exported == ["api_usage"]
    await erased(ada, "usr_ada")
    await ada.publish(served(use(requests=2), use("usr_eve", requests=1)))

    async def rows() -> list[tuple[Any, int]]:
        return [(row["user_id"], row["request_count"]) for row in await admin_rows(ada)]

    async def gone() -> bool:
        return await rows() == [("usr_eve", 2)]

    await eventually(gone, within=20)
    point = (await ada.acting_as("usr_admin", scope="admin").get("/admin/stats/series"))[-1]
    assert (point["requests"], point["active_users"]) == (8, 2)
    assert [item async for item in ada.deps.user_data.export("usr_ada")] == []


async def test_old_usage_is_deleted_by_the_setting(ada: FeedbackClient) -> None:
    await ada.publish(served(use(), use(days=3)))
    await until(ada, 2)
    await expire_records(ada.deps)
    assert len(await admin_rows(ada)) == 2
    ada.deps.live_settings.replace({RETENTION_USAGE_DAYS.key: 2})
    await expire_records(ada.deps)
    assert len(await admin_rows(ada)) == 1
