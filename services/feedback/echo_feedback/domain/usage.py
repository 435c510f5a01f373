"""API usage: requests of a user to an endpoint in a day."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from echo_common.contracts.events.gateway import EndpointUse
from echo_feedback.domain.periods import day_of


@dataclass(frozen=True, slots=True)
class Usage:
    """The requests to an endpoint in a day of a user, or without one: without a valid credential, or of deleted users."""

    id: str
    user_id: str | None
    endpoint: str
    day: datetime
    request_count: int
    client_errors: int
    server_errors: int
    last_request: datetime
    daily_limit: int | None

    @staticmethod
    def id_of(use: EndpointUse) -> str:
        """Return the id of the usage that a use adds to."""
        key = f"{use.user_id or ''}\n{use.endpoint}\n{day_of(use.hour).date().isoformat()}"
        return f"use_{hashlib.sha256(key.encode()).hexdigest()[:26].upper()}"

    @classmethod
    def stored(cls, document: dict[str, Any]) -> "Usage":
        """Return the usage of a counter."""
        counts = document["counts"]
        return cls(
            id=document["_id"],
            user_id=document.get("user_id"),
            endpoint=document["endpoint"],
            day=document["period"],
            request_count=counts.get("requests", 0),
            client_errors=counts.get("client_errors", 0),
            server_errors=counts.get("server_errors", 0),
            last_request=document["last_request"],
            daily_limit=document.get("daily_limit"),
        )
