"""Strict query parameters: unknown ones are rejected, never ignored."""

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

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
    for parameter in dependant.query_params:
        kind = parameter.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):  # a model of all query parameters
            yield from (field.alias or name for name, field in kind.model_fields.items())
        else:
            yield parameter.alias
    for part in dependant.dependencies:
        yield from _options(part)
