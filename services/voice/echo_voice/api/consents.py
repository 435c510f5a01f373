"""Routes of consents to voice cloning."""

from fastapi import APIRouter

from echo_common.auth.dependencies import VoicesReader, VoicesWriter
from echo_common.contracts.http.voice import ConsentPhrase, ConsentView
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import PageQuery
from echo_voice import views
from echo_voice.api.dependencies import Deps
from echo_voice.usecases import consents
from echo_voice.usecases.studio import page_of

router = APIRouter(prefix="/voice")


@router.get("/consent-phrase")
async def consent_phrase(principal: VoicesWriter, deps: Deps) -> Success[ConsentPhrase]:
    """Create a consent phrase to read aloud."""
    return ok(views.phrase_view(await consents.draw_phrase(principal, deps.studio)))


@router.get("/consents")
async def list_consents(principal: VoicesReader, deps: Deps, page: PageQuery) -> Success[list[ConsentView]]:
    """List consents."""
    found, total = await page_of(deps.studio.consents, principal, page, {})
    return ok([views.consent_view(consent) for consent in found], meta=page.meta(total))


@router.get("/consents/{consent_id}")
async def get_consent(consent_id: str, principal: VoicesReader, deps: Deps) -> Success[ConsentView]:
    """Get a consent."""
    return ok(views.consent_view(await deps.studio.consents.get(consent_id, user_id=principal.user_id)))


@router.post("/consents/{consent_id}/revoke")
async def revoke_consent(consent_id: str, principal: VoicesWriter, deps: Deps) -> Success[ConsentView]:
    """Revoke a consent."""
    return ok(views.consent_view(await consents.revoke_consent(consent_id, principal, deps.studio)))
