"""Strict query parameters: unknown ones are rejected, never ignored."""

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from echo_common.http.validation import invalid


async def only_known(request: Request) -> None:
    """Reject unknown query parameters; a dependency of routes with single parameters. Raises `ValidationError`."""
    known = set(_options(request.scope["route"].dependant))
    if unknown := sorted(set(request.query_params) - known):
        message = f"There is no such query parameter; {_advice(known)}"
        raise invalid([{"field": name, "message": message} for name in unknown])


def _advice(known: set[str]) -> str:
    return f"the known ones are {', '.join(sorted(known))}." if known else "send none."


def _options(dependant: Dependant) -> Iterator[str]:
    for parameter in dependant.query_params:
        kind = parameter.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):  # a model of all query parameters
            yield from (field.alias or name for name, field in kind.model_fields.items())
        else:
            yield parameter.alias
    for part in dependant.dependencies:
        yield from _options(part)
