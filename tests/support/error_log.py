"""Events of errors, as the error log receives them."""

from collections.abc import Sequence

from echo_common.contracts.error_logged import ErrorLogged
from echo_common.error_reports import ErrorReports
from echo_common.errors import EchoError


def reported(error: Exception) -> str:
    """Return the event of an error that fails a task, as JSON."""
    reports = ErrorReports("synthesis")
    reports.report("task", "synthesis", error, error_type=error.code if isinstance(error, EchoError) else None)
    (event,) = reports.collect()
    return event.model_dump_json()


def sources(events: Sequence[ErrorLogged]) -> list[tuple[str, str, str | None, int]]:
    """Return type, source, subject and number of errors of each event."""
    return [(event.error_type, event.source, event.subject, event.count) for event in events]
