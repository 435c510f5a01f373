"""API documentation page: Swagger UI without external resources or inline scripts."""

from importlib.metadata import distribution
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.staticfiles import StaticFiles

router = APIRouter(prefix="/docs", include_in_schema=False)

_OURS = StaticFiles(directory=Path(__file__).parent)
# Located, not imported: only the package's static files are needed.
_SWAGGER = StaticFiles(directory=str(distribution("fastapi-offline").locate_file("fastapi_offline/static")))
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # icons in the style sheet
        "media-src blob:",  # audio from tried requests
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_FRESH = {"Cache-Control": "no-cache"}  # revalidate each time; unchanged files get a 304


@router.get("")
async def docs(request: Request) -> Response:
    """Serve the page."""
    page = await _OURS.get_response("page.html", request.scope)
    page.headers.update(_FRESH | {"Content-Security-Policy": _POLICY})
    return page


@router.get("/{name}")
async def asset(request: Request, name: Literal["swagger-ui.css", "swagger-ui-bundle.js", "page.css", "page.js"]) -> Response:
    """Serve a static file of the page."""
    file = await (_OURS if name.startswith("page") else _SWAGGER).get_response(name, request.scope)
    file.headers.update(_FRESH)
    return file
