"""The usage history records the actions of users from events, once each."""

import csv
import io
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events import auth, feedback, gateway, listening, synthesis, voice
from echo_common.contracts.events.synthesis import JobCompleted, JobFailed, JobQueued
from echo_common.contracts.http.history import ActionType
from echo_common.contracts.registry import event_types
from echo_common.contracts.system_settings import RETENTION_HISTORY_DAYS
from echo_common.live_settings import LiveSettings
from echo_feedback.domain.history import ACTIONS
from echo_feedback.usecases.history import expire_history
from echo_feedback.usecases.retention import keep_expiring
from tests.integration.feedback.conftest import FeedbackClient
from tests.support.eventually import eventually
from tests.support.person import refusal

NO_ACTIONS: set[type[DomainEvent]] = {
    auth.AuthErrorLogged,
    auth.SettingChanged,
    auth.UserDeleted,
    auth.UserTokenVersionRaised,
    feedback.FeedbackErrorLogged,
    feedback.FeedbackUserDataErased,
    feedback.VoiceRatingChanged,
    gateway.GatewayErrorLogged,
    gateway.GatewayUserDataErased,
    gateway.RequestServed,
    listening.GroupSessionChanged,
    listening.GroupSessionReaction,
    listening.InteractionRecorded,
    listening.ListeningErrorLogged,
    listening.ListeningUserDataErased,
    listening.TrackAnalysed,
    listening.TrackDeleted,
    listening.TrackUploaded,
    synthesis.JobProgressed,
    synthesis.JobStarted,
    synthesis.SpeechMeasured,
    synthesis.SynthesisErrorLogged,
    synthesis.SynthesisUserDataErased,
    voice.VoiceErrorLogged,
    voice.VoiceModelTrainingProgressed,
    voice.VoiceUserDataErased,
}
"""Events that are no actions of a user, nor results of them."""


def job(kind: type[Any], number: int, minutes: int = 0, **fields: Any) -> Any:
    moment = now() - timedelta(minutes=minutes)
    return kind(job_id=f"job_{number}", user_id="usr_ada", occurred_at=moment, **fields)


async def until(client: FeedbackClient, count: int, **query: Any) -> list[dict[str, Any]]:
    async def recorded() -> bool:
        return len(await client.get("/users/me/history", **query)) == count

    await eventually(recorded)
    found: list[dict[str, Any]] = await client.get("/users/me/history", **query)
    return found


def test_every_event_is_an_action_or_declared_not_to_be() -> None:
    events = set(event_types().values())
    assert events == set(ACTIONS) | NO_ACTIONS
    assert {action.type for action in ACTIONS.values()} == set(ActionType)
    for event_type, action in ACTIONS.items():
        assert {"user_id", action.related or "user_id"} <= event_type.model_fields.keys(), event_type


async def test_events_become_actions_once(ada: FeedbackClient, eve: FeedbackClient) -> None:
    queued = job(JobQueued, 1, minutes=2)
    failed = job(JobFailed, 1, minutes=1, code="ENGINE_FAILED", message="It failed.")
    registered = auth.UserRegistered(user_id="usr_ada", plan="user", role="user", occurred_at=now() - timedelta(minutes=9))
    released = job(JobQueued, 1, minutes=0)
    await ada.publish(released, queued, failed, registered, failed, queued)
    entries = await until(ada, 3)
    assert [(entry["action_type"], entry["related_id"]) for entry in entries] == [
        ("job_failed", "job_1"),
        ("job_queued", "job_1"),
        ("user_registered", None),
    ]
    milliseconds = timedelta(milliseconds=1)
    assert abs(datetime.fromisoformat(entries[1]["timestamp"]) - queued.occurred_at) <= milliseconds
    assert await eve.get("/users/me/history") == []


async def test_each_retry_of_a_user_is_an_action(ada: FeedbackClient) -> None:
    for restarts, kind, related in (
        (0, JobQueued, {"job_id": "job_1"}),
        (1, JobQueued, {"job_id": "job_1"}),
        (2, JobQueued, {"job_id": "job_1"}),
        (1, voice.SampleUploaded, {"sample_id": "vs_1"}),
        (1, voice.VoiceModelRequested, {"voice_model_id": "vm_1", "job_id": "job_train_1"}),
    ):
        for minutes in (1, 2):  # the earlier one, then the one of a worker that returned it
            queued = kind(user_id="usr_ada", restarts=restarts, occurred_at=now() - timedelta(minutes=minutes), **related)
            await ada.publish(queued)
    entries = await until(ada, 5)
    assert Counter(entry["action_type"] for entry in entries) == {
        "job_queued": 3,
        "sample_uploaded": 1,
        "voice_model_requested": 1,
    }


async def test_the_history_has_filters_and_pages(ada: FeedbackClient) -> None:
    await ada.publish(*(job(JobCompleted, number, minutes=number, audio_id="aud_1", duration=1.0) for number in range(5)))
    await ada.publish(job(JobQueued, 9, minutes=9))
    assert len(await until(ada, 6)) == 6
    assert [entry["related_id"] for entry in await ada.get("/users/me/history", limit=2, offset=1)] == ["job_1", "job_2"]
    assert [entry["related_id"] for entry in await ada.get("/users/me/history", action="job_queued")] == ["job_9"]
    assert len(await ada.get("/users/me/history", **{"from": (now() - timedelta(minutes=2.5)).isoformat()})) == 3
    assert len(await ada.get("/users/me/history", to=(now() - timedelta(minutes=2.5)).isoformat())) == 3
    oldest = await ada.get("/users/me/history", sort_order="asc", limit=1)
    assert oldest[0]["related_id"] == "job_9"
    assert (await ada.ask("GET", "/users/me/history", params={"action": "dance"})).status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        {"from": "0001-01-01T00:00:00+14:00"},
        {"to": "9999-12-31T23:59:59-14:00"},
        {"from": "2026-01-31T10:00:00Z", "to": "2026-01-31T10:00:00Z"},
    ],
)
@pytest.mark.parametrize("path", ["/users/me/history", "/feedback", "/admin/feedback"])
async def test_times_outside_utc_and_empty_ranges_are_refused(ada: FeedbackClient, path: str, query: dict[str, str]) -> None:
    client = ada.acting_as("usr_admin", scope="admin") if path.startswith("/admin") else ada
    assert refusal(await client.ask("GET", path, params=query)) == (422, "VALIDATION_ERROR")


async def test_the_history_is_available_as_csv(ada: FeedbackClient) -> None:
    await ada.publish(*(job(JobCompleted, number, audio_id="aud_1", duration=1.0) for number in range(25)))
    await ada.publish(voice.VoiceSelected(user_id="usr_ada", voice_id="=cmd|' /C calc'!A0"))
    await until(ada, 26, limit=100)
    by_header = await ada.ask("GET", "/users/me/history", headers={**ada.headers, "Accept": "text/csv"})
    by_query = await ada.ask("GET", "/users/me/history", params={"format": "csv"})
    assert by_header.text == by_query.text
    assert by_query.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(by_query.text)))
    assert len(rows) == 26
    assert [row["related_id"] for row in rows if row["action_type"] == "voice_selected"] == ["'=cmd|' /C calc'!A0"]
    assert list(rows[0]) == ["id", "action_type", "related_id", "timestamp"]


async def test_old_entries_are_deleted_by_the_setting(ada: FeedbackClient) -> None:
    await ada.publish(job(JobQueued, 1), job(JobQueued, 2, minutes=3 * 24 * 60))
    await until(ada, 2)
    assert await expire_history(ada.deps) == 0
    ada.deps.live_settings.replace({RETENTION_HISTORY_DAYS.key: 0})
    assert await expire_history(ada.deps, now() + timedelta(days=10_000)) == 0
    ada.deps.live_settings.replace({RETENTION_HISTORY_DAYS.key: 2})
    assert await expire_history(ada.deps) == 1
    assert [entry["related_id"] for entry in await ada.get("/users/me/history")] == ["job_1"]


async def test_old_entries_are_deleted_at_the_start_by_the_setting_of_an_administrator(ada: FeedbackClient) -> None:
    await ada.publish(job(JobQueued, 1), job(JobQueued, 2, minutes=3 * 24 * 60))
    await until(ada, 2)
    deps = replace(ada.deps, live_settings=LiveSettings())
    async with keep_expiring(deps):
        deps.live_settings.replace({RETENTION_HISTORY_DAYS.key: 2})
        assert [entry["related_id"] for entry in await until(ada, 1)] == ["job_1"]
