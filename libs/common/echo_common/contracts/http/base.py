"""Base class of request bodies."""

from pydantic import BaseModel, ConfigDict


class RequestBody(BaseModel):
    """Base class of request bodies; unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid")
