"""Endpoints for echos (`/echos`)."""

from typing import Annotated

from fastapi import Depends, Header, Path, Query, Response

from echo_common.auth.dependencies import Token, VoicesReader, VoicesWriter
from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.errors.voice import (
    EchoChangedError,
    EchoNotFoundError,
    EchoRevisionNotFoundError,
    TooManyEchosError,
)
from echo_common.contracts.http.echos import CreateEcho, EchoPatch, EchoRevisionView, EchoView
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_voice import views
from echo_voice.api import examples
from echo_voice.api.dependencies import Deps
from echo_voice.api.parameters import EchoId
from echo_voice.domain.echos import Echo
from echo_voice.usecases import echos

_DELETED = "The echo is deleted."

PageQuery = Annotated[Page, Depends(paginated(*echos.ECHO_ORDERS))]
RevisionPage = Annotated[Page, Depends(paginated("revision", default="revision"))]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=200, description='Change the echo only if it has this ETag: `"3"`.'),
]

router = PublicRouter("echos")


@router.endpoint(
    "POST",
    "/echos",
    status=201,
    idempotent=True,
    errors=(VoiceNotFoundError, TooManyEchosError),
    example=enveloped(examples.ECHO),
)
async def add_echo(
    body: CreateEcho, principal: VoicesWriter, token: Token, deps: Deps, response: Response
) -> Success[EchoView]:
    """Create an echo: a persona with a voice.

    Its id is a voice for requests of speech, with `speed`, `pitch`, `volume` and `language` as defaults. A built-in voice is looked
    up with the token of the request, which needs the scope `speech:read` then.
    """
    return _one(await echos.create_echo(body, principal, token, deps), response)


@router.endpoint("GET", "/echos", example=enveloped([examples.ECHO]))
async def list_echos(
    principal: VoicesReader,
    deps: Deps,
    page: PageQuery,
    search: Annotated[
        str | None, Query(min_length=1, max_length=100, description="Search in the names, case-insensitively.")
    ] = None,
) -> Success[list[EchoView]]:
    """List echos, newest first."""
    found, total = await echos.list_echos(principal, page, deps, search=search)
    return ok([views.echo_view(echo) for echo in found], meta=page.meta(total))


@router.endpoint("GET", "/echos/{echo_id}", errors=(EchoNotFoundError,), example=enveloped(examples.ECHO))
async def get_echo(echo_id: EchoId, principal: VoicesReader, deps: Deps, response: Response) -> Success[EchoView]:
    """Get an echo.

    Its revision is the ETag of the response.
    """
    return _one(await echos.find_echo(echo_id, principal, deps), response)


@router.endpoint(
    "PATCH",
    "/echos/{echo_id}",
    idempotent=True,
    errors=(EchoNotFoundError, EchoChangedError, VoiceNotFoundError),
    example=enveloped(examples.ECHO),
)
async def change_echo(
    echo_id: EchoId,
    body: EchoPatch,
    principal: VoicesWriter,
    token: Token,
    deps: Deps,
    response: Response,
    if_match: IfMatch = None,
) -> Success[EchoView]:
    """Change an echo, in a new revision.

    With `If-Match`, the response is 412 if the echo has another revision. The same values change nothing.
    """
    return _one(await echos.change_echo(echo_id, body, principal, token, deps, if_match=if_match), response)


@router.endpoint(
    "DELETE",
    "/echos/{echo_id}",
    idempotent=True,
    errors=(EchoNotFoundError,),
    example=enveloped(None, message=_DELETED),
)
async def delete_echo(echo_id: EchoId, principal: VoicesWriter, deps: Deps) -> Success[None]:
    """Delete an echo.

    Its messages are deleted. Its audio remains; new speech with it is refused.
    """
    await echos.delete_echo(echo_id, principal, deps)
    return ok(None, message=_DELETED)


@router.endpoint(
    "GET",
    "/echos/{echo_id}/revisions",
    errors=(EchoNotFoundError,),
    example=enveloped([examples.ECHO_REVISION]),
)
async def list_echo_revisions(
    echo_id: EchoId, principal: VoicesReader, deps: Deps, page: RevisionPage
) -> Success[list[EchoRevisionView]]:
    """List the earlier revisions of an echo, newest first; the last 100 are kept."""
    found, total = await echos.list_revisions(echo_id, principal, page, deps)
    return ok([views.echo_revision_view(revision) for revision in found], meta=page.meta(total))


@router.endpoint(
    "POST",
    "/echos/{echo_id}/revisions/{revision}/restore",
    idempotent=True,
    errors=(EchoNotFoundError, EchoRevisionNotFoundError, VoiceNotFoundError),
    example=enveloped(examples.ECHO),
)
async def restore_echo(
    echo_id: EchoId,
    revision: Annotated[int, Path(ge=1, le=2**31, description="Number of an earlier revision.", examples=[1])],
    principal: VoicesWriter,
    token: Token,
    deps: Deps,
    response: Response,
) -> Success[EchoView]:
    """Restore an earlier revision of an echo, as a new revision."""
    return _one(await echos.restore_echo(echo_id, revision, principal, token, deps), response)


def _one(echo: Echo, response: Response) -> Success[EchoView]:
    response.headers["ETag"] = echos.etag_of(echo)
    return ok(views.echo_view(echo))
