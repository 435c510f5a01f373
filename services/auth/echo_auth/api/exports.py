"""Endpoints for exports of the user's data."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.domain.exports import Export
from echo_auth.usecases import exports
from echo_auth.usecases.exports import EXPORT_ORDERS
from echo_common.auth.dependencies import Access, AccountHolder, LoggedInUser
from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.errors.exports import ExportNotFoundError, ExportStateConflictError
from echo_common.contracts.http.exports import ExportLink, ExportLinkRequest, ExportView
from echo_common.errors import LinkInvalidError
from echo_common.http.endpoints import Media, PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.object_response import (
    PARTIAL_RESPONSES,
    ByteRange,
    IfNoneMatch,
    RangeNotSatisfiableError,
    object_response,
)
from echo_common.http.pagination import Page, paginated

_MIME = "application/zip"
_EXPORT = "/users/me/exports/{export_id}"
_DOWNLOAD = f"{_EXPORT}/download"
_DOWNLOAD_ERRORS = (ExportNotFoundError, ExportStateConflictError, LinkInvalidError, RangeNotSatisfiableError)

ExportId = Annotated[str, Path(max_length=64, description="Id of the export.", examples=[examples.EXPORT["export_id"]])]
ExportPage = Annotated[Page, Depends(paginated(*EXPORT_ORDERS))]
ArchivePrincipal = Annotated[Principal | None, Depends(Access((Scope.ACCOUNT,), ticket_param="signature", login=True))]

router = PublicRouter("users")


@router.endpoint("POST", "/users/me/export", status=202, idempotent=True, example=enveloped(examples.EXPORT))
async def request_export(principal: LoggedInUser, origin: Origin, deps: Deps) -> Success[ExportView]:
    """Request an export of everything that the platform stores for the user.

    A zip file with JSON, audio and a manifest is made in the background: poll the export until it is completed or failed. While
    an export is not finished, the response is that export. A completed archive replaces the one before it, and is kept until it
    expires.
    """
    return ok(_view(await exports.request_export(principal, origin, deps)))


@router.endpoint("GET", "/users/me/exports", example=enveloped([examples.EXPORT], meta=examples.PAGE))
async def list_exports(principal: AccountHolder, deps: Deps, page: ExportPage) -> Success[list[ExportView]]:
    """List the user's exports, newest first."""
    found, total = await exports.list_exports(principal, page, deps)
    return ok([_view(export) for export in found], meta=page.meta(total))


@router.endpoint("GET", _EXPORT, errors=(ExportNotFoundError,), example=enveloped(examples.EXPORT))
async def get_export(export_id: ExportId, principal: AccountHolder, deps: Deps) -> Success[ExportView]:
    """Get the status and the progress of an export."""
    return ok(_view(await exports.get_export(export_id, principal, deps)))


@router.endpoint(
    "HEAD",
    _DOWNLOAD,
    name="describe_export_archive",
    summary="Get the headers of an export's archive",
    media=Media("Its size, type and ETag.", ()),
    other_responses=PARTIAL_RESPONSES,
    errors=_DOWNLOAD_ERRORS,
)
@router.endpoint(
    "GET",
    _DOWNLOAD,
    media=Media("The zip file.", (_MIME,)),
    other_responses=PARTIAL_RESPONSES,
    errors=_DOWNLOAD_ERRORS,
)
async def download_export(
    export_id: ExportId,
    request: Request,
    principal: ArchivePrincipal,
    origin: Origin,
    deps: Deps,
    expires: Annotated[int | None, Query(ge=0, le=10**11, description="Expiry of a signed link, in Unix seconds.")] = None,
    signature: Annotated[
        str | None, Query(max_length=100, description="Signature of a signed link; replaces the token.")
    ] = None,
    byte_range: ByteRange = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Download the archive of an export.

    Requires the token of a login of its owner, or a signed link. Supports ranges, ETags and conditional requests. The ETag is
    the archive's checksum.
    """
    if principal is None:
        export = await exports.find_linked_export(export_id, expires or 0, signature or "", deps)
    else:
        export = await exports.get_export(export_id, principal, deps)
    archive = await exports.find_archive(export, deps)
    response = object_response(
        request,
        deps.objects,
        archive.key,
        size=archive.size,
        mime=_MIME,
        etag=archive.checksum,
        download_as=f"echo-export-{export.created_at:%Y-%m-%d}.zip",
    )
    if request.method == "GET" and response.status_code in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        await exports.record_download(export, origin, deps)
    response.headers["Cache-Control"] = "private, no-store"  # personal data, which is deleted with the export
    return response


@router.endpoint(
    "POST",
    f"{_EXPORT}/link",
    errors=(ExportNotFoundError, ExportStateConflictError),
    example=enveloped(examples.EXPORT_LINK),
)
async def link_export(
    export_id: ExportId, principal: LoggedInUser, origin: Origin, deps: Deps, body: ExportLinkRequest | None = None
) -> Success[ExportLink]:
    """Create a signed link to the archive of an export, for browsers: it needs no token and is valid for at most five minutes."""
    seconds = (body or ExportLinkRequest()).expires_in
    return ok(await exports.link_export(export_id, seconds, principal, origin, deps))


@router.endpoint(
    "DELETE",
    _EXPORT,
    idempotent=True,
    errors=(ExportNotFoundError,),
    example=enveloped(None, message="The export is deleted."),
)
async def delete_export(export_id: ExportId, principal: LoggedInUser, origin: Origin, deps: Deps) -> Success[None]:
    """Delete an export and its archive.

    An unfinished export ends.
    """
    await exports.delete_export(export_id, principal, origin, deps)
    return ok(None, message="The export is deleted.")


def _view(export: Export) -> ExportView:
    archive = export.archive
    return ExportView(
        export_id=export.id,
        status=export.status.value,
        progress=export.progress,
        size=archive.size if archive else None,
        checksum=archive.checksum if archive else None,
        files=archive.files if archive else None,
        missing=archive.missing if archive else None,
        services=list(archive.services) if archive else None,
        omitted_services=list(archive.omitted_services) if archive else None,
        created_at=export.created_at,
        expires_at=export.expires_at,
        error_code=export.error_code,
        error=export.error_message,
    )
