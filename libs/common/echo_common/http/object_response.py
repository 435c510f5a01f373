"""Objects over HTTP: Range, ETag, 304, HEAD, download."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Annotated

from fastapi import Header, Request, Response
from fastapi.responses import StreamingResponse

from echo_common.errors import EchoError
from echo_common.storage.port import ObjectStore

PARTIAL_RESPONSES = {206: "The requested range.", 304: "Unchanged."}
ByteRange = Annotated[str | None, Header(alias="Range", description="Range of bytes.", examples=["bytes=0-1023"])]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="ETag of a cached copy.")]
_RANGE = re.compile(r"^bytes=(\d{0,100})-(\d{0,100})$")


class RangeNotSatisfiableError(EchoError):
    """The requested range is outside the file."""

    code = "RANGE_NOT_SATISFIABLE"
    status = 416

    def __init__(self, message: str | None = None, *, size: int = 0) -> None:
        super().__init__(message, details={"size": size})
        self._size = size

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields required by RFC 9110, 15.5.17."""
        return {"Content-Range": f"bytes */{self._size}"}


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the half-open `[start, end)` of a single-range header (RFC 9110, 14.1.2), or None for the whole object.

    Several ranges, or another unit, give the whole object, as the RFC allows. Raises `RangeNotSatisfiableError`.
    """
    match = _RANGE.match((header or "").replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size or start >= end:
        raise RangeNotSatisfiableError(f"The range lies outside the file of {size} bytes.", size=size)
    return start, end


def etag_matches(if_none_match: str | None, etag: str) -> bool:
    """Return whether an `If-None-Match` header names this ETag, given with its quotes (RFC 9110, 13.1.2: weak comparison)."""
    return if_none_match is not None and any(tag.strip().removeprefix("W/") in {etag, "*"} for tag in if_none_match.split(","))


def object_response(
    request: Request,
    objects: ObjectStore,
    key: str,
    *,
    size: int,
    mime: str,
    etag: str,
    download_as: str | None,
    immutable: bool = True,
    link_seconds: int | None = None,
) -> Response:
    """Build the response to a GET or HEAD of an object that never changes under its key. Raises `RangeNotSatisfiableError`.

    `immutable` says that the URL stands for this object for ever; otherwise clients ask each time whether it still does.

    `link_seconds` is the remaining lifetime of a signed link, which also limits caching. With None, access is by token.
    """
    by_token = {
        "Cache-Control": "private, max-age=3600, immutable" if immutable else "private, no-cache",
        "Vary": "Authorization",
    }
    by_link = {"Cache-Control": f"private, max-age={link_seconds}, must-revalidate"}
    headers = {
        **(by_token if link_seconds is None else by_link),
        "ETag": f'"{etag}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{download_as}"' if download_as else "inline",
    }
    if etag_matches(request.headers.get("if-none-match"), f'"{etag}"'):
        return Response(status_code=304, headers=headers)
    unchanged = request.headers.get("if-range", f'"{etag}"') == f'"{etag}"'
    part = parse_range(request.headers.get("range"), size) if unchanged else None
    start, end = part or (0, size)
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 200 if part is None else 206
    body = _nothing() if request.method == "HEAD" else objects.read(key, start, end)
    return StreamingResponse(body, status, headers, media_type=mime)


async def _nothing() -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for block in nothing:
        yield block
