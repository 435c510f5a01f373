"""Pages for browsers: the links in mails lead to them, and logins at the identity provider end there.

The texts come from the catalogue, in the language of the browser. There are no inline scripts and no external resources; the
scripts call the API.
"""

from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.staticfiles import StaticFiles

from echo_common.http.languages import request_language
from echo_common.messages.catalogue import texts_of

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent
_FILES = StaticFiles(directory=_FOLDER)
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src data:",  # the empty icon
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)


@router.get("/confirm-email")
async def confirm_email() -> Response:
    """Serve the page of confirmation links."""
    return _page("confirm-email")


@router.get("/reset-password")
async def reset_password() -> Response:
    """Serve the page of links to reset a password."""
    return _page("reset-password")


@router.get("/logged-in")
async def logged_in() -> Response:
    """Serve the page on which logins at the identity provider end."""
    return _page("logged-in")


@router.get("/pages/{name}")
async def asset(request: Request, name: Literal["page.css", "page.js", "form.js", "logged-in.js"]) -> Response:
    """Serve a static file of the pages."""
    file = await _FILES.get_response(name, request.scope)
    file.headers["Cache-Control"] = "no-cache"  # revalidate each time; unchanged files get a 304
    return file


def _page(name: str) -> Response:
    language = request_language()
    headers = {
        "Cache-Control": "no-store",
        "Content-Language": language,
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Language",
    }
    return Response(_rendered(name, language), media_type="text/html", headers=headers)


@cache
def _rendered(name: str, language: str) -> str:
    texts = texts_of("page.", language) | texts_of(f"page.{name}.", language)
    values = {key: escape(text) for key, text in texts.items()} | {"language": language}
    return _fill("frame", values | {"content": _fill(name, values)})


def _fill(name: str, values: Mapping[str, str]) -> str:
    return Template((_FOLDER / f"{name}.html").read_text(encoding="utf-8")).substitute(values)
