"""Errors of loops in the background reach the error log."""

import json
from typing import Any

import pytest

from echo_common.contracts.events.feedback import FeedbackErrorLogged
from echo_common.outbox.event_batches import CollectedEvents, EventBatches
from echo_feedback.usecases import retention
from tests.integration.feedback.conftest import FeedbackClient, Start
from tests.support.eventually import eventually

TEXT = "A private text of Ada"


async def _fail(*_: Any) -> None:
    raise KeyError(TEXT)


async def test_a_loop_that_fails_is_seen_in_the_error_log(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "expire_records", _fail)
    async with start() as ada:
        admin = ada.acting_as("usr_admin", scope="admin")

        async def logged() -> bool:
            return bool(await admin.get("/admin/errors"))

        await eventually(logged, within=20)
        (entry,) = await admin.get("/admin/errors")
    assert (entry["service"], entry["source"], entry["subject"]) == ("feedback", "background", "retention")
    assert (entry["error_type"], entry["count"]) == ("KeyError", 1)
    assert "retention.py" in entry["stack_trace"]
    assert TEXT not in json.dumps(entry)


async def test_errors_while_errors_are_published_do_not_lead_to_further_ones(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, attempts = EventBatches.publish, 0

    async def publish_none(batches: EventBatches, events: Any) -> None:
        nonlocal attempts
        if isinstance(events[0], FeedbackErrorLogged):
            attempts += 1
            raise KeyError("batch")
        await publish(batches, events)

    flushed = CollectedEvents.publishing
    monkeypatch.setattr(CollectedEvents, "publishing", lambda events: flushed(events, every=0.05))
    monkeypatch.setattr(EventBatches, "publish", publish_none)
    monkeypatch.setattr(retention, "expire_records", _fail)
    async with start() as ada:
        await eventually(lambda: attempts > 1, within=20)
        monkeypatch.setattr(EventBatches, "publish", publish)
        admin: FeedbackClient = ada.acting_as("usr_admin", scope="admin")

        async def logged() -> bool:
            return bool(await admin.get("/admin/errors"))

        await eventually(logged, within=40)
        assert [entry["subject"] for entry in await admin.get("/admin/errors")] == ["retention"]
