"""The connection to RabbitMQ survives faults of its own code."""

import pytest

from echo_common.bus.rabbitmq.connection import ReconnectingConnection
from echo_common.error_reports import ErrorReports, reporting_to
from tests.support.error_log import sources
from tests.support.eventually import eventually


async def test_an_unexpected_error_of_the_setup_is_reported_and_the_next_attempt_succeeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errors, reports = [KeyError("queue")], ErrorReports("voice")

    async def set_up(*_: object) -> None:
        if errors:
            raise errors.pop()

    monkeypatch.setattr(ReconnectingConnection, "_set_up", set_up)
    with reporting_to(reports):
        connection = ReconnectingConnection("amqp://127.0.0.1:9", "test", set_up)
    await eventually(connection.up.is_set, within=10)
    await connection.close()
    assert sources(reports.collect()) == [("KeyError", "background", "broker_connection", 1)]
