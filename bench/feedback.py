"""Rate at which the feedback service consumes events."""

import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from bench.figure import Figure
from bench.stage import Stage
from echo_common.bus.delivery import encode
from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.bus.port import Message
from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events.feedback import RatingSubmitted
from echo_common.contracts.events.gateway import EndpointUse, RequestServed
from echo_common.contracts.events.synthesis import AudioCreated, JobCompleted, JobQueued
from echo_common.service import Process
from echo_common.settings import CommonSettings
from echo_feedback.main import service
from echo_feedback.settings import FeedbackSettings

_EVENTS = 10_000
_SECRET = SecretStr("a secret of thirty-two characters")
_BATCH = 500
_USERS = 100
_VOICES = 20
_ENDPOINTS = ("GET /api/v1/voices", "POST /api/v1/job")


async def measure(_: Stage, rounds: int) -> Sequence[Figure]:
    """Consume the events of jobs, audio, ratings and requests into an empty database, in one process, without the other services."""
    rates = []
    for _round in range(rounds):
        with tempfile.TemporaryDirectory(prefix="echo-bench-") as folder:
            rates.append(_EVENTS / await _consumed_after(Path(folder)))
    note = f"{_EVENTS} events of {_USERS} users and {_VOICES} voices, SQLite, bus in process"
    return [Figure("F1", "events consumed by the feedback service", rates, "events/s", note=note)]


async def _consumed_after(folder: Path) -> float:
    """Return the seconds until all events are consumed."""
    settings = CommonSettings(
        auth_url=f"unix://{folder}/auth.sock",
        database_url=SecretStr(f"sqlite://{folder}/database"),
        bus_url=SecretStr("inproc://"),
        objects_url=(folder / "objects").as_uri(),
        scratch=folder / "scratch",
    )
    broker, messages = InprocBroker(), _messages()
    async with service(FeedbackSettings(secret=_SECRET)).running(settings, Process(broker=broker)):
        bus = InprocBus(broker)
        started = time.perf_counter()
        for first in range(0, _EVENTS, _BATCH):
            await bus.publish(messages[first : first + _BATCH])  # returns once they are consumed
        seconds = time.perf_counter() - started
        await bus.close()
    return seconds


def _messages() -> list[Message]:
    """Return the events of jobs, each with its audio, a rating and counted requests, in random order."""
    hour = now().replace(minute=0, second=0, microsecond=0)
    events: list[DomainEvent] = []
    for number in range(_EVENTS // 5):
        user_id, voice_id = f"usr_{number % _USERS}", f"voice_{number % _VOICES}"
        job_id, audio_id = f"job_{number}", f"aud_{number}"
        events += [
            JobQueued(job_id=job_id, user_id=user_id),
            JobCompleted(job_id=job_id, user_id=user_id, audio_id=audio_id, duration=1.0),
            AudioCreated(
                audio_id=audio_id,
                user_id=user_id,
                job_id=job_id,
                voice_id=voice_id,
                engine="tone",
                duration=1.0,
                word_count=3,
                size_bytes=48_000,
            ),
            RatingSubmitted(
                rating_id=f"rat_{number}",
                user_id=user_id,
                audio_id=audio_id,
                voice_id=voice_id,
                engine="tone",
                rating=1 + number % 5,
                revision=1,
            ),
            RequestServed(
                uses=tuple(
                    EndpointUse(user_id=user_id, endpoint=endpoint, hour=hour, requests=3, last_request=now())
                    for endpoint in _ENDPOINTS
                )
            ),
        ]
    random.Random(1).shuffle(events)
    return [encode(event) for event in events]
