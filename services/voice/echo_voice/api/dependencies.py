"""Dependencies of the routes."""

from typing import Annotated

from fastapi import Depends

from echo_common.auth.dependencies import Bearer
from echo_common.service import dependencies_of
from echo_voice.dependencies import Dependencies

Deps = Annotated[Dependencies, Depends(dependencies_of)]


async def _token(credentials: Bearer) -> str:
    return "" if credentials is None else credentials.credentials


Token = Annotated[str, Depends(_token)]
"""The request's access token, for requests to other services on the user's behalf; the endpoint's principal verifies it."""
