"""Base class of domain events: immutable, with a topic, a version and an id."""

from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from echo_common.clock import now
from echo_common.ids import new_id


class DomainEvent(BaseModel):
    """An event, named in the past tense, published by the service its topic starts with.

    `topic` is `<service>.<event>`. `event_version` rises only with a change that is not additive; the old version is then
    published beside the new one. A `transient` event goes to every live replica and is not kept for absent ones. Unknown fields
    are ignored, so that a consumer survives an additive change of its publisher.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: ClassVar[str]
    event_version: ClassVar[int] = 1
    transient: ClassVar[bool] = False

    event_id: str = Field(default_factory=lambda: new_id("evt"), description="Id by which consumers deduplicate.")
    occurred_at: datetime = Field(default_factory=now, description="Time of the event, UTC.")
