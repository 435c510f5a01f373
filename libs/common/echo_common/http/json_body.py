"""Reading of JSON bodies by endpoints that also take other bodies; FastAPI reads all others."""

import json
from typing import TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from echo_common.errors import JsonRequiredError

M = TypeVar("M", bound=BaseModel)


def is_multipart(request: Request) -> bool:
    """Return whether the body of a request is multipart."""
    return _media_type(request) == "multipart/form-data"


async def read_json_body(request: Request, model: type[M]) -> M:
    """Return the body of a request.

    Raises:
        JsonRequiredError: The body is not declared as JSON.
        RequestValidationError: It is not valid; the error is that of FastAPI.
        HTTPException: It is not JSON for another reason than its syntax, as FastAPI raises it.
    """
    kind = _media_type(request)
    if kind != "application/json" and not kind.endswith("+json"):
        raise JsonRequiredError
    try:
        body = json.loads(await request.body())
    except json.JSONDecodeError as error:
        invalid = {"type": "json_invalid", "loc": ("body", error.pos), "input": {}, "ctx": {"error": error.msg}}
        raise RequestValidationError([{**invalid, "msg": "JSON decode error"}], body=error.doc) from error
    except (ValueError, RecursionError) as error:  # not UTF-8, a number of too many digits, or nested too deeply
        raise HTTPException(400, "There was an error parsing the body") from error
    try:
        return model.model_validate(body)
    except ValidationError as error:
        items = [{**item, "loc": ("body", *item["loc"])} for item in error.errors()]
        raise RequestValidationError(items, body=body) from None


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
