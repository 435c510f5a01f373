"""Endpoints for consents to voice cloning."""

from typing import Annotated

from fastapi import Depends

from echo_common.auth.dependencies import VoicesReader, VoicesWriter
from echo_common.contracts.errors.voice import ConsentNotFoundError
from echo_common.contracts.http.voice import ConsentPhrase, ConsentView
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_voice import views
from echo_voice.api import examples
from echo_voice.api.dependencies import Deps
from echo_voice.api.parameters import ConsentId
from echo_voice.usecases import consents
from echo_voice.usecases.pages import load_page

PageQuery = Annotated[Page, Depends(paginated("created_at", "updated_at"))]

router = PublicRouter("clones")


@router.endpoint("GET", "/voice/consent-phrase", example=enveloped(examples.CONSENT_PHRASE))
async def create_consent_phrase(principal: VoicesWriter, deps: Deps) -> Success[ConsentPhrase]:
    """Create a consent statement with random words, to be read aloud in a sample of its own.

    It is valid for a day and for one consent.
    """
    return ok(views.phrase_view(await consents.draw_phrase(principal, deps)))


@router.endpoint("GET", "/voice/consents", example=enveloped([examples.CONSENT]))
async def list_consents(principal: VoicesReader, deps: Deps, page: PageQuery) -> Success[list[ConsentView]]:
    """List consents, newest first."""
    found, total = await load_page(deps.consents, principal, page, {})
    return ok([views.consent_view(consent) for consent in found], meta=page.meta(total))


@router.endpoint("GET", "/voice/consents/{consent_id}", errors=(ConsentNotFoundError,), example=enveloped(examples.CONSENT))
async def get_consent(consent_id: ConsentId, principal: VoicesReader, deps: Deps) -> Success[ConsentView]:
    """Get a consent."""
    return ok(views.consent_view(await deps.consents.get(consent_id, user_id=principal.user_id)))


@router.endpoint(
    "POST",
    "/voice/consents/{consent_id}/revoke",
    idempotent=True,
    errors=(ConsentNotFoundError,),
    example=enveloped(examples.CONSENT | {"revoked_at": "2026-02-01T10:00:00Z"}),
)
async def revoke_consent(consent_id: ConsentId, principal: VoicesWriter, deps: Deps) -> Success[ConsentView]:
    """Revoke a consent: its voices are disabled for good within seconds, and their cached speech is removed."""
    return ok(views.consent_view(await consents.revoke_consent(consent_id, principal, deps)))
