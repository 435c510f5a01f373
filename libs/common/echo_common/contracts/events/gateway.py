"""Events published by the gateway."""

from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from echo_common.contracts.error_logged import ErrorLogged
from echo_common.contracts.event import DomainEvent


class EndpointUse(BaseModel):
    """Requests of a user to an endpoint in an hour, as far as a gateway has counted them since its last event.

    `endpoint` is the method and the path template, `user_id` absent for requests without a valid credential. Requests that were
    refused count, too.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    user_id: str | None = None
    endpoint: str
    hour: datetime
    requests: int
    client_errors: int = Field(0, description="Responses with a status from 400 to 499.")
    server_errors: int = Field(0, description="Responses with a status from 500.")
    last_request: datetime
    daily_limit: int | None = Field(None, description="Requests that the user's plan permits a day, if it limits them.")


class RequestServed(DomainEvent):
    """The gateway served requests; it collects them for some seconds."""

    topic: ClassVar[str] = "gateway.request_served"

    uses: tuple[EndpointUse, ...]


class GatewayUserDataErased(DomainEvent):
    """The gateway has erased everything of a deleted user."""

    topic: ClassVar[str] = "gateway.user_data_erased"

    user_id: str


class GatewayErrorLogged(ErrorLogged):
    """The gateway logged errors."""

    topic: ClassVar[str] = "gateway.error_logged"
