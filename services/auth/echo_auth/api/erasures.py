"""Endpoints for the erasures of deleted users."""

from typing import Annotated

from fastapi import Depends, Path

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps
from echo_auth.domain.erasures import Erasure
from echo_auth.usecases import erasures
from echo_common.auth.dependencies import Administrator
from echo_common.contracts.errors.auth import ErasureNotFoundError
from echo_common.contracts.http.erasures import ErasureView
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated

PageQuery = Annotated[Page, Depends(paginated("created_at"))]
ErasureId = Annotated[str, Path(max_length=64, description="Id of the erasure.", examples=[examples.ERASURE["id"]])]

router = PublicRouter("admin")


@router.endpoint("GET", "/admin/erasures", example=enveloped([examples.ERASURE]))
async def list_erasures(_: Administrator, deps: Deps, page: PageQuery) -> Success[list[ErasureView]]:
    """List erasures of deleted users, newest first."""
    found, total = await erasures.list_erasures(page, deps)
    return ok([erasure_view(erasure) for erasure in found], meta=page.meta(total))


@router.endpoint("GET", "/admin/erasures/{erasure_id}", errors=(ErasureNotFoundError,), example=enveloped(examples.ERASURE))
async def get_erasure(erasure_id: ErasureId, _: Administrator, deps: Deps) -> Success[ErasureView]:
    """Get the erasure of a deleted user."""
    return ok(erasure_view(await erasures.get_erasure(erasure_id, deps)))


def erasure_view(erasure: Erasure) -> ErasureView:
    """Build the view of an erasure."""
    return ErasureView(
        id=erasure.id,
        pseudonym=erasure.pseudonym,
        requested_at=erasure.created_at,
        confirmed=dict(erasure.confirmed),
        waiting_for=list(erasure.waiting_for),
        completed_at=erasure.completed_at,
    )
