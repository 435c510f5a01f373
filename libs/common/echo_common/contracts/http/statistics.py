"""Response bodies of statistics."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, Field

MEASUREMENTS_PATH: Final = "/internal/measurements"
"""Internal path at which a service reports its part of the current statistics."""


class Interval(StrEnum):
    """Interval of the points of a series."""

    HOUR = "hour"
    DAY = "day"


class JobCounts(BaseModel):
    """Jobs by outcome."""

    queued: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0


class EngineStatistics(BaseModel):
    """Speech that an engine made."""

    engine: str
    segments: int
    audio_seconds: float = Field(description="Seconds of speech that the engine synthesised.")
    compute_seconds: float = Field(description="Seconds for which it computed.")
    real_time_factor: float | None = Field(description="Seconds of computation per second of speech; null without speech.")


class StatisticsPoint(BaseModel):
    """Statistics of an hour or a day."""

    time: datetime = Field(description="Start of the hour or the day, in UTC.")
    requests: int
    client_errors: int
    server_errors: int
    error_rate: float | None = Field(description="Share of requests with a status from 500; null without requests.")
    errors: int = Field(description="Errors in the error log.")
    active_users: int = Field(description="Users who sent a request.")
    new_users: int = Field(description="Users and guests that were created.")
    jobs: JobCounts
    messages: int = Field(0, description="Messages of users to echos, and their replies.")
    audio_seconds: float = Field(description="Seconds of audio made by jobs and synchronous requests.")
    cache_hits: int = Field(description="Segments that the speech cache had.")
    cache_misses: int = Field(description="Segments that the speech cache did not have.")
    cache_hit_rate: float | None = Field(description="Share of segments that the speech cache had; null without any.")
    engines: list[EngineStatistics]


class QueueState(BaseModel):
    """The tasks of a work queue that wait."""

    queue: str
    pending: int
    age_seconds: float = Field(description="Seconds for which the next task has waited; 0 without one.")


class EngineState(BaseModel):
    """The state of a speech engine in the replica that responded."""

    engine: str
    state: str
    workers: int = Field(description="Processes that are ready.")
    busy: int = Field(description="Requests in progress.")
    queued: int = Field(description="Segments that wait.")
    restarts: int


class UserCounts(BaseModel):
    """Users, now."""

    total: int
    guests: int
    active_day: int = Field(description="Users who were active in the last 24 hours.")
    active_month: int = Field(description="Users who were active in the last 30 days.")


class JobStates(BaseModel):
    """Jobs by status, now."""

    pending: int
    processing: int
    completed: int
    failed: int
    cancelled: int


class Measurements(BaseModel):
    """The part of a service in the current statistics."""

    queues: list[QueueState] = []
    engines: list[EngineState] = []
    users: UserCounts | None = None
    jobs: JobStates | None = None
    storage_bytes: int | None = None
    last_day: StatisticsPoint | None = None


class ServiceQueueState(QueueState):
    """The tasks of a service's work queue that wait."""

    service: str


class ServiceStorage(BaseModel):
    """The size of the objects that a service stores."""

    service: str
    stored_bytes: int


class PlatformStatistics(BaseModel):
    """The current statistics of the platform. Parts of services that do not respond are null or missing."""

    users: UserCounts | None
    jobs: JobStates | None
    queues: list[ServiceQueueState]
    engines: list[EngineState]
    storage: list[ServiceStorage] = Field(description="Measured at most five minutes ago.")
    last_day: StatisticsPoint | None = Field(description="Statistics of the last 24 hours; `time` is their start.")
    unavailable: list[str] = Field(description="Services that did not respond.")
