"""Reports of a service's errors, collected in memory until they are published as events."""

import errno
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Final, Literal

from pydantic import ValidationError as InvalidDataError

from echo_common.clock import now
from echo_common.contracts.error_logged import MESSAGE_CHARACTERS, ErrorLogged
from echo_common.contracts.registry import event_types
from echo_common.errors import EchoError
from echo_common.redaction import redact
from echo_common.telemetry import request_context
from echo_common.tracing import current_trace_id

MAXIMUM_GROUPS: Final = 50
"""Number of different errors that are collected at a time; further ones are counted together."""

REPEAT_SECONDS: Final = 60.0
"""Shortest time between two events of the same error in the background, which every round of a loop may repeat."""

_FRAMES: Final = 30
_SERVER_ERROR: Final = 500
_OTHER: Final = "TooManyErrors"
_BACKGROUND: Final = "background"

Source = Literal["request", "task", "event", "background"]
_Key = tuple[str, str | None, str, str]


@dataclass(slots=True)
class _Group:
    event: ErrorLogged
    count: int
    last_at: datetime


class ErrorReports:
    """The errors of a service in this process that are not published yet.

    Equal errors, from the same place, are one report with their number. Reporting never waits and never fails, and an endless loop
    of errors costs one event every few seconds; in the background, one event a minute.
    """

    def __init__(self, service: str, clock: Callable[[], float] = monotonic) -> None:
        self._event_type = event_types().get((f"{service}.error_logged", 1))
        self._clock = clock
        self._groups: dict[_Key, _Group] = {}
        self._collected_at: dict[_Key, float] = {}
        self._closed = False

    def report(
        self,
        source: Source,
        subject: str | None,
        error: BaseException | None = None,
        *,
        error_type: str | None = None,
        message: str | None = None,
        trace_id: str | None = None,
    ) -> None:
        """Report an error: an exception, or a type and a message.

        Reports outlive a user's erasure, so `message` must hold no text of a user. `trace_id` is by default that of the current
        trace.
        """
        if self._event_type is None or not issubclass(self._event_type, ErrorLogged):
            return  # services of tests
        kind = error_type or type(error).__name__
        place = _place(None if error is None else error.__traceback__) or (message or "")[:MESSAGE_CHARACTERS]
        key: _Key = (source, subject, kind, place)
        if key not in self._groups and self._count_groups(background=source == _BACKGROUND) >= MAXIMUM_GROUPS:
            key, source, subject, kind = (_BACKGROUND, None, _OTHER, ""), _BACKGROUND, None, _OTHER
            error, message = None, f"More than {MAXIMUM_GROUPS} different errors occurred within some seconds."
        moment = now()
        group = self._groups.get(key)
        if group is None:
            event = self._event_type(
                error_type=kind,
                error_message=redact((message or describe_error(error))[: 2 * MESSAGE_CHARACTERS]),
                stack_trace=_stack_trace(error),
                source=source,
                subject=subject,
                trace_id=trace_id or current_trace_id(),
                request_id=request_context.get().get("request_id"),
                occurred_at=moment,
                last_at=moment,
            )
            group = self._groups[key] = _Group(event, 0, moment)
        group.count += 1
        group.last_at = moment

    def close(self) -> None:
        """Let the following collections return everything, because the service stops."""
        self._closed = True

    def collect(self) -> Sequence[ErrorLogged]:
        """Return the events of the collected errors, and forget them; keep those that repeat an earlier event too soon."""
        moment = self._clock()
        self._collected_at = {key: at for key, at in self._collected_at.items() if moment - at < REPEAT_SECONDS}
        kept = set[_Key]() if self._closed else self._collected_at.keys() & self._groups.keys()
        groups = {key: group for key, group in self._groups.items() if key not in kept}
        self._groups = {key: self._groups[key] for key in kept}
        self._collected_at |= {key: moment for key in groups if key[0] == _BACKGROUND}
        return [group.event.model_copy(update={"count": group.count, "last_at": group.last_at}) for group in groups.values()]

    def _count_groups(self, *, background: bool) -> int:
        return sum((key[0] == _BACKGROUND) is background for key in self._groups)


current_reports: ContextVar[ErrorReports | None] = ContextVar("current_reports", default=None)
"""Reports of the service whose code runs in this task. Set where that code is entered: by its start, requests and deliveries."""


@contextmanager
def reporting_to(errors: ErrorReports | None) -> Iterator[None]:
    """Make tasks that are started while the context lasts report their errors; None reports none."""
    before = current_reports.get()
    current_reports.set(errors)
    try:
        yield
    finally:
        current_reports.set(before)  # not by a token, which is valid in one task only


def describe_error(error: BaseException | None) -> str:
    """Return the message of a service's own error; of any other exception its type and place, without the text of a user.

    The messages of libraries and of Python quote values. Those of errors that a client may correct quote the request, those of
    providers may do so.
    """
    if error is None:
        return ""
    if isinstance(error, EchoError):
        return error.message if error.status >= _SERVER_ERROR and not error.may_quote_text else error.default_message()
    kind = type(error).__name__
    if isinstance(error, InvalidDataError):
        problems = dict.fromkeys(problem["type"] for problem in error.errors(include_input=False, include_context=False))
        kind = f"{kind} ({error.title}: {', '.join(problems)})"
    elif isinstance(error, OSError) and (cause := errno.errorcode.get(error.errno or 0)):
        kind = f"{kind} ({cause})"
    frames = _frames(error.__traceback__)
    return f"{kind} at {frames[-1]}" if frames else kind


def _frames(trace: TracebackType | None) -> list[str]:
    """Return the innermost stack frames, outermost first, without values of variables."""
    return [f"{_short(frame.filename)}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(trace)[-_FRAMES:]]


def _place(trace: TracebackType | None) -> str:
    """Return the place of the innermost frame."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def _stack_trace(error: BaseException | None) -> str | None:
    lines = _frames(None if error is None else error.__traceback__)
    if error is None or not lines:
        return None
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        lines += [f"caused by {type(cause).__name__}", *_frames(cause.__traceback__)]
    return "\n".join(lines)


def _short(filename: str) -> str:
    """Return the path of a module from its package on, without the folders of the machine."""
    parts = Path(filename).parts
    for place, part in enumerate(parts):
        if part.startswith("echo_"):
            return "/".join(parts[place:])
    return "/".join(parts[-2:])
