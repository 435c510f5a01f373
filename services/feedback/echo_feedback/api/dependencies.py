"""Dependencies of the routes."""

from typing import Annotated

from fastapi import Depends

from echo_common.service import dependencies_of
from echo_feedback.dependencies import Dependencies

Deps = Annotated[Dependencies, Depends(dependencies_of)]
