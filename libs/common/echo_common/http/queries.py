"""Strict query parameters: unknown ones are rejected, never ignored."""

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant

from echo_common.errors import ValidationError


async def only_known(request: Request) -> None:
    """Reject unknown query parameters; a dependency of routes with single parameters. Raises `ValidationError` that names them."""
    known = set(_options(request.scope["route"].dependant))
    if unknown := sorted(set(request.query_params) - known):
        raise ValidationError(
            f"{unknown[0]}: there is no such option.",
            details=[{"field": name, "message": "There is no such option."} for name in unknown],
        )


def _options(dependant: Dependant) -> Iterator[str]:
    yield from (parameter.alias for parameter in dependant.query_params)
    for part in dependant.dependencies:
        yield from _options(part)
