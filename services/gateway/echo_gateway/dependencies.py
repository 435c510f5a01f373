"""Dependencies of the gateway's routes and event handlers."""

from dataclasses import dataclass

from echo_common.http.idempotency import Idempotency
from echo_gateway.answers import Answers
from echo_gateway.clients import Clients
from echo_gateway.concurrency import OpenRequests
from echo_gateway.limits import Limits
from echo_gateway.live import Watches
from echo_gateway.tokenless import TokenlessAccess


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The dependencies of routes and event handlers, opened once."""

    clients: Clients
    limits: Limits
    keys: Idempotency
    watches: Watches
    answers: Answers
    open_requests: OpenRequests
    tokenless: TokenlessAccess | None = None
