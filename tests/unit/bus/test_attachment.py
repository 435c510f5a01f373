from collections.abc import Sequence
from typing import cast

import pytest

from echo_common.bus import attachment
from echo_common.bus.attachment import Attachment
from echo_common.bus.port import Bus, BusUnavailableError, Consumer, Done, Message, Outcome
from echo_common.error_reports import ErrorReports, reporting_to
from tests.support.error_log import sources
from tests.support.eventually import eventually


class FailingBus:
    """A bus whose calls of `consume` fail with these errors, one after the other, and succeed afterwards."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        self._errors = list(errors)
        self.attached: list[Consumer] = []

    async def consume(self, consumer: Consumer) -> None:
        if self._errors:
            raise self._errors.pop(0)
        self.attached.append(consumer)


async def done(message: Message) -> Outcome:
    return Done()


CONSUMER = Consumer("voice", ["synthesis.job_completed"], done)


async def test_unexpected_errors_after_the_start_do_not_end_the_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachment, "_AT_START_SECONDS", 0.05)
    bus = FailingBus([BusUnavailableError("The broker is away."), RuntimeError("unexpected")])
    reports = ErrorReports("voice")
    with reporting_to(reports):
        async with Attachment.running(cast("Bus", bus), [CONSUMER]):
            await eventually(lambda: bus.attached == [CONSUMER], within=10)
    assert sources(reports.collect()) == [("RuntimeError", "background", "consumer_attach", 1)]


async def test_an_unexpected_error_at_the_start_is_raised() -> None:
    with pytest.raises(RuntimeError, match="unexpected"):
        async with Attachment.running(cast("Bus", FailingBus([RuntimeError("unexpected")])), [CONSUMER]):
            pass
