"""Statistics count events by hour, once each, and are returned as series."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from echo_common.clock import now
from echo_common.contracts.events.auth import UserRegistered
from echo_common.contracts.events.gateway import RequestServed
from echo_common.contracts.events.synthesis import (
    EngineUse,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobQueued,
    SpeechMeasured,
    SynthesisErrorLogged,
)
from echo_common.contracts.events.voice import MessageSent
from echo_common.contracts.http.statistics import Interval
from echo_common.contracts.system_settings import (
    RETENTION_ERRORS_DAYS,
    RETENTION_HISTORY_DAYS,
    RETENTION_STATISTICS_DAYS,
    RETENTION_USAGE_DAYS,
)
from echo_common.error_reports import ErrorReports
from echo_feedback.domain.periods import day_of, hour_of
from echo_feedback.usecases.retention import expire_records
from tests.integration.feedback.conftest import FeedbackClient, audio_of
from tests.integration.feedback.test_usage import use
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.person import refusal

HOUR = hour_of(now())


def error(message: str = "It broke.", *, hours: int = 0, **fields: Any) -> SynthesisErrorLogged:
    moment = now() - timedelta(hours=hours)
    values: dict[str, Any] = {"error_type": "KeyError", "source": "request", "last_at": moment, "occurred_at": moment}
    return SynthesisErrorLogged(error_message=message, **values | fields)


@pytest.fixture
def admin(ada: FeedbackClient) -> FeedbackClient:
    return ada.acting_as("usr_admin", scope="admin")


async def series(admin: FeedbackClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await admin.get("/admin/stats/series", **query)
    return found


async def test_events_are_counted_by_hour(admin: FeedbackClient) -> None:
    hour = hour_of(now())
    job: dict[str, Any] = {"job_id": "job_1", "user_id": "usr_ada", "occurred_at": hour}
    speech = EngineUse(
        engine="tone", hour=hour, segments=3, audio_milliseconds=2_500, compute_milliseconds=500, cache_hits=1, cache_misses=3
    )
    await admin.publish(
        JobQueued(**job),
        JobQueued(**job, again=True),
        JobFailed(**job, code="ENGINE_FAILED", message="It failed."),
        JobCompleted(**job, audio_id="aud_1", duration=2.5),
        JobCancelled(**job | {"job_id": "job_2"}),
        UserRegistered(user_id="usr_ada", plan="user", role="user", occurred_at=hour),
        audio_of("usr_ada", duration=2.5).model_copy(update={"occurred_at": hour}),
        SpeechMeasured(uses=(speech, speech.model_copy(update={"hour": hour - timedelta(hours=1)}))),
        RequestServed(
            uses=(use(hour=hour, requests=8, server_errors=2), use("usr_eve", hour=hour, client_errors=1), use(None, hour=hour))
        ),
        error(count=5, occurred_at=hour),
        MessageSent(message_id="msg_1", echo_id="echo_1", user_id="usr_ada", role="user", characters=5, occurred_at=hour),
    )

    async def counted() -> bool:
        before, point = (await series(admin, to=(hour + timedelta(minutes=59)).isoformat()))[-2:]
        return (before["cache_hits"], point["requests"], point["errors"], point["audio_seconds"], point["messages"]) == (
            1,
            10,
            5,
            2.5,
            1,
        )

    await eventually(counted, within=20)
    points = await series(admin, to=(hour + timedelta(minutes=59)).isoformat())
    assert len(points) == 24
    point = points[-1]
    assert datetime.fromisoformat(point["time"]) == hour
    assert point["jobs"] == {"queued": 1, "completed": 1, "failed": 1, "cancelled": 1}
    assert (point["active_users"], point["new_users"], point["messages"]) == (2, 1, 1)
    assert (point["client_errors"], point["server_errors"], point["error_rate"]) == (1, 2, 0.2)
    assert (point["cache_hits"], point["cache_misses"], point["cache_hit_rate"]) == (1, 3, 0.25)
    assert point["engines"] == [
        {"engine": "tone", "segments": 3, "audio_seconds": 2.5, "compute_seconds": 0.5, "real_time_factor": 0.2}
    ]
    assert (points[0]["error_rate"], points[0]["engines"]) == (None, [])


async def test_days_add_up_hours_and_count_users_once(admin: FeedbackClient) -> None:
    day = datetime(2026, 1, 31, tzinfo=UTC)
    uses = [use(hour=day + timedelta(hours=hour), requests=1) for hour in range(24)]
    await admin.publish(RequestServed(uses=(*uses, use(hour=day + timedelta(days=1)))))
    query = {"interval": "day", "from": "2026-01-31T15:00:00Z", "to": "2026-02-02T00:00:00Z"}

    async def counted() -> bool:
        found = await series(admin, **query)
        return [(point["time"], point["requests"], point["active_users"]) for point in found] == [
            ("2026-01-31T00:00:00Z", 24, 1),
            ("2026-02-01T00:00:00Z", 1, 1),
        ]

    await eventually(counted, within=20)


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2016-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "interval": "hour"},
        {"from": "2016-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "interval": "day"},
        {"from": "2016-01-01T00:00:00Z"},
        {"from": "2999-01-01T00:00:00Z"},
        {"to": "9999-12-31T23:30:00Z"},
        {"to": "0001-01-01T00:00:00Z"},
        {"to": "0001-01-02T00:00:00Z", "interval": "day"},
        {"interval": "minute"},
    ],
)
async def test_a_series_that_is_too_long_or_empty_is_refused(admin: FeedbackClient, query: dict[str, str]) -> None:
    response = await admin.ask("GET", "/admin/stats/series", params=query)
    assert refusal(response) == (422, "VALIDATION_ERROR")


async def test_the_refusal_of_a_long_series_names_the_limit(admin: FeedbackClient) -> None:
    response = await admin.ask("GET", "/admin/stats/series", params={"from": "2016-01-01T00:00:00Z"})
    assert "at most 1,000 hours, or use interval=day" in response.json()["error"]["details"][0]["message"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2016-01-01T00:00:00Z"}, "from"),
        ({"from": "2999-01-01T00:00:00Z"}, "from"),
        ({"to": "9999-12-31T23:30:00Z"}, "to"),
        ({"to": "0001-01-01T00:00:00Z"}, "to"),
    ],
)
async def test_the_refusal_of_a_series_names_the_field(admin: FeedbackClient, query: dict[str, str], field: str) -> None:
    error = (await admin.ask("GET", "/admin/stats/series", params=query)).json()["error"]
    assert [detail["field"] for detail in error["details"]] == [field]
    assert error["message"] == f"{field}: {error['details'][0]['message']}"


async def test_a_series_is_available_as_csv(admin: FeedbackClient) -> None:
    file = await admin.ask("GET", "/admin/stats/series", params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert len(rows) == 24
    assert {"time", "requests", "jobs_failed", "engines_audio_seconds", "engines_real_time_factor"} <= rows[0].keys()


async def test_the_error_log_has_filters_pages_and_csv(admin: FeedbackClient) -> None:
    await admin.publish(
        error("=cmd|' /C calc'!A0", trace_id="0af7", request_id="req_1"),
        error(hours=2, error_type="ValueError", stack_trace="a.py:1 in b"),
        *[error(hours=hours) for hours in (3, 4)],
    )

    async def logged() -> bool:
        return len(await admin.get("/admin/errors")) == 4

    await eventually(logged, within=20)
    newest = (await admin.get("/admin/errors"))[0]
    assert (newest["service"], newest["count"], newest["trace_id"]) == ("synthesis", 1, "0af7")
    assert len(await admin.get("/admin/errors", error_type="ValueError", service="synthesis")) == 1
    assert await admin.get("/admin/errors", service="voice") == []
    assert len(await admin.get("/admin/errors", trace_id="0af7", request_id="req_1")) == 1
    assert len(await admin.get("/admin/errors", **{"from": (now() - timedelta(hours=2.5)).isoformat()})) == 2
    assert len(await admin.get("/admin/errors", limit=3, offset=2)) == 2
    file = await admin.ask("GET", "/admin/errors", params={"format": "csv"})
    assert "'=cmd|' /C calc'!A0" in {row["error_message"] for row in csv.DictReader(io.StringIO(file.text))}


async def test_a_text_of_a_user_reaches_neither_the_error_log_nor_its_csv(admin: FeedbackClient) -> None:
    text = "A private text of Ada"

    reports = ErrorReports("feedback")
    try:
        try:
            int(text)
        except ValueError as cause:
            raise KeyError(f"no speech of {text}") from cause
    except KeyError as failure:
        reports.report("request", "/speech", failure)
    (event,) = reports.collect()
    await admin.publish(event)

    async def logged() -> bool:
        return len(await admin.get("/admin/errors")) == 1

    await eventually(logged, within=20)
    (entry,) = await admin.get("/admin/errors")
    file = await admin.ask("GET", "/admin/errors", params={"format": "csv"})
    assert event.error_message == entry["error_message"]
    assert entry["error_message"].startswith("KeyError at ")
    assert "caused by ValueError" in entry["stack_trace"]
    assert "KeyError" in file.text
    for written in (event.model_dump_json(), json.dumps(entry), file.text):
        assert "private text" not in written


async def test_only_administrators_read_errors_and_statistics(ada: FeedbackClient) -> None:
    for path in ("/admin/errors", "/admin/stats/series"):
        assert refusal(await ada.ask("GET", path)) == (403, "FORBIDDEN")


async def test_old_errors_and_statistics_are_deleted_by_the_settings(admin: FeedbackClient) -> None:
    await admin.publish(error(), error(hours=75), RequestServed(uses=(use(days=3), use())))

    async def totals() -> tuple[int, int, int]:
        points = await series(admin, **{"from": (now() - timedelta(days=5)).isoformat()})
        active = sum(point["active_users"] for point in points)
        return len(await admin.get("/admin/errors")), sum(point["requests"] for point in points), active

    async def counted() -> bool:
        return await totals() == (2, 2, 2)

    await eventually(counted, within=20)
    await expire_records(admin.deps)
    assert await totals() == (2, 2, 2)
    admin.deps.live_settings.replace({RETENTION_ERRORS_DAYS.key: 2, RETENTION_STATISTICS_DAYS.key: 2})
    await expire_records(admin.deps)
    assert await totals() == (1, 1, 1)


async def test_days_are_kept_or_deleted_as_a_whole(admin: FeedbackClient) -> None:
    oldest = day_of(now()) - timedelta(days=2)
    await admin.publish(RequestServed(uses=tuple(use(hour=oldest + timedelta(hours=hour)) for hour in (-1, 0, 23))))
    query = {
        "interval": "day",
        "from": (oldest - timedelta(days=1)).isoformat(),
        "to": (oldest + timedelta(days=1)).isoformat(),
    }

    async def totals() -> list[tuple[int, int]]:
        return [(point["requests"], point["active_users"]) for point in await series(admin, **query)]

    async def counted() -> bool:
        return await totals() == [(1, 1), (2, 1)]

    await eventually(counted, within=20)
    admin.deps.live_settings.replace({RETENTION_STATISTICS_DAYS.key: 2})
    await expire_records(admin.deps, oldest + timedelta(days=2, hours=22))
    assert await totals() == [(0, 0), (2, 1)]
    assert len(await series(admin, **query | {"interval": "hour"})) == 48


async def test_nothing_is_deleted_without_a_limit(admin: FeedbackClient) -> None:
    await admin.publish(error(hours=30), RequestServed(uses=(use(days=1),)))

    async def totals() -> tuple[int, int]:
        points = await series(admin, **{"from": (now() - timedelta(days=2)).isoformat()})
        return len(await admin.get("/admin/errors")), sum(point["requests"] for point in points)

    async def counted() -> bool:
        return await totals() == (1, 1)

    await eventually(counted, within=20)
    unlimited = (RETENTION_ERRORS_DAYS, RETENTION_HISTORY_DAYS, RETENTION_STATISTICS_DAYS, RETENTION_USAGE_DAYS)
    admin.deps.live_settings.replace({setting.key: 0 for setting in unlimited})
    assert await expire_records(admin.deps, now() + timedelta(days=10_000)) == 0
    assert await totals() == (1, 1)


async def test_the_activity_of_an_erased_user_cannot_be_recognised_once_the_key_is_removed(
    admin: FeedbackClient, database: Database
) -> None:
    users, store = admin.deps.active_users, await database.open("feedback")
    for _ in range(2):
        await users.add("usr_ada", {HOUR}, erased=False)
    assert await users.count(Interval.HOUR, [HOUR]) == {HOUR: 1}
    await users.erase("usr_ada")
    await users.add("usr_ada", {HOUR}, erased=True)  # late, while the key is kept
    assert await users.count(Interval.HOUR, [HOUR]) == {HOUR: 1}
    keys = store.collection("activity_keys")
    key = await keys.find_one({"_id": "usr_ada"})
    assert key is not None
    assert key["erased_at"] <= now()  # from then on it expires
    await keys.delete({})
    await users.add("usr_ada", {HOUR}, erased=True)
    assert await users.count(Interval.HOUR, [HOUR]) == {HOUR: 2}
    assert await store.collection("active_users").count({"user_id": {"$exists": True}}) == 0
    await store.close()
