"""Statistics: amounts that events add to the counters of their hours."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from echo_common.contracts.error_logged import ErrorLogged
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events import auth, feedback, gateway, listening, synthesis, voice
from echo_feedback.domain.periods import hour_of

Amounts = Mapping[str, int]

SECOND: Final = 1000
"""Times are counted in milliseconds, because sums of floats depend on their order."""


def name_engine_amount(engine: str, name: str) -> str:
    """Return the name of an engine's amount. Engines are named by folders; other characters cannot be part of a name."""
    return f"engine/{''.join(sign if sign.isalnum() or sign in '-_' else '_' for sign in engine)}/{name}"


def _one(name: str) -> Callable[[DomainEvent], Iterator[tuple[datetime, Amounts]]]:
    def amounts(event: DomainEvent) -> Iterator[tuple[datetime, Amounts]]:
        yield event.occurred_at, {name: 1}

    return amounts


def _of_queued(event: synthesis.JobQueued) -> Iterator[tuple[datetime, Amounts]]:
    if not event.again:
        yield event.occurred_at, {"jobs/queued": 1}


def _of_audio(event: synthesis.AudioCreated) -> Iterator[tuple[datetime, Amounts]]:
    yield event.occurred_at, {"audio_milliseconds": round(event.duration * SECOND)}


def _of_requests(event: gateway.RequestServed) -> Iterator[tuple[datetime, Amounts]]:
    for use in event.uses:
        yield use.hour, {name: getattr(use, name) for name in ("requests", "client_errors", "server_errors")}


def _of_speech(event: synthesis.SpeechMeasured) -> Iterator[tuple[datetime, Amounts]]:
    for use in event.uses:
        measured = {name: getattr(use, name) for name in ("segments", "audio_milliseconds", "compute_milliseconds")}
        by_engine = {name_engine_amount(use.engine, name): amount for name, amount in measured.items()}
        yield use.hour, {"cache_hits": use.cache_hits, "cache_misses": use.cache_misses, **by_engine}


def _of_errors(event: ErrorLogged) -> Iterator[tuple[datetime, Amounts]]:
    yield event.occurred_at, {"errors": event.count}


ERRORS: Final = (
    auth.AuthErrorLogged,
    feedback.FeedbackErrorLogged,
    gateway.GatewayErrorLogged,
    listening.ListeningErrorLogged,
    synthesis.SynthesisErrorLogged,
    voice.VoiceErrorLogged,
)

COUNTED: Mapping[type[DomainEvent], Callable[[Any], Iterable[tuple[datetime, Amounts]]]] = MappingProxyType(
    {
        auth.UserRegistered: _one("new_users"),
        gateway.RequestServed: _of_requests,
        synthesis.AudioCreated: _of_audio,
        synthesis.JobCancelled: _one("jobs/cancelled"),
        synthesis.JobCompleted: _one("jobs/completed"),
        synthesis.JobFailed: _one("jobs/failed"),
        synthesis.JobQueued: _of_queued,
        synthesis.SpeechMeasured: _of_speech,
        voice.MessageSent: _one("messages"),
        **dict.fromkeys(ERRORS, _of_errors),
    }
)
"""Amounts by event."""


def sum_amounts(event: DomainEvent) -> Mapping[datetime, Amounts]:
    """Return the amounts that an event adds to the counters of its hours."""
    hours: defaultdict[datetime, dict[str, int]] = defaultdict(dict)
    for moment, amounts in COUNTED[type(event)](event):
        counts = hours[hour_of(moment)]
        for name, amount in amounts.items():
            if amount:
                counts[name] = counts.get(name, 0) + amount
    return {hour: counts for hour, counts in hours.items() if counts}


@dataclass(slots=True)
class Point:
    """The counts of an interval."""

    time: datetime
    counts: dict[str, int] = field(default_factory=dict)
    active_users: int = 0

    def add(self, counts: Amounts) -> None:
        """Add the counts of an hour."""
        for name, amount in counts.items():
            self.counts[name] = self.counts.get(name, 0) + amount

    def count(self, name: str) -> int:
        """Return an amount."""
        return self.counts.get(name, 0)

    def engines(self) -> Mapping[str, Amounts]:
        """Return the amounts of the engines that made speech."""
        found: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for key, amount in sorted(self.counts.items()):
            kind, _, rest = key.partition("/")
            if kind == "engine":
                engine, _, name = rest.partition("/")
                found[engine][name] = amount
        return {engine: amounts for engine, amounts in found.items() if amounts.get("segments")}
