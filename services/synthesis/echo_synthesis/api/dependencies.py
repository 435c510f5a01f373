"""Parameter types of routes."""

from typing import Annotated

from fastapi import Depends, Header

from echo_common.service import dependencies_of
from echo_synthesis.dependencies import Dependencies

Deps = Annotated[Dependencies, Depends(dependencies_of)]
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255, include_in_schema=False)]
"""The gateway's digest of user, operation, key and request; see `echo_common.http.idempotency`."""
