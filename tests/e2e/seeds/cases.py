"""Requests of a seed document, each with the response that the document describes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.support.shapes import differs

User = Literal["owner", "stranger", "nobody", "administrator"]


@dataclass(frozen=True, eq=False)
class Case:
    """A request as written in a document. Names in braces stand for ids, tokens and other substitutes.

    Args:
        title: The request's row in docs/seeds.md.
        request: Method, path and query.
        response: The shape of the response, see `tests/support/shapes.py`.
        status: The status; documents that state none mean the usual status of REST.
        body: The JSON body.
        form: The text fields of a multipart body.
        file: The field and the name of the file of a multipart body.
        needs: Names that must have a value before the request is sent.
        user: The user of the token.
    """

    title: str
    request: str
    response: Any
    status: Any = 200
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    file: tuple[str, str] | None = None
    needs: Sequence[str] = ()
    user: User = "owner"

    @property
    def result(self) -> str:
        """The result as it begins in docs/seeds.md."""
        return "differs" if differs(self.status) or differs(self.response) else "as written"


def success(data: Any, **more: Any) -> Mapping[str, Any]:
    """Return the shape of a successful response of the versioned API."""
    return {"success": True, "data": data, "timestamp": str, **more}


def failure(code: str, **more: Any) -> Mapping[str, Any]:
    """Return the shape of an error response of the versioned API."""
    return {"success": False, "error": {"code": code, "message": str, **more}}


def audio(mime: str) -> Mapping[str, Any]:
    """Return the shape of a response with audio."""
    return {"type": mime, "empty": False}
