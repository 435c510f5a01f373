"""Endpoint for voices that are mixed from others."""

from echo_common.auth.dependencies import Token, VoicesWriter
from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.errors.voice import (
    CloneStateConflictError,
    ProviderUnavailableError,
    TooManyMixesError,
    VoiceMixConflictError,
    VoiceMixForbiddenError,
)
from echo_common.contracts.http.voice import CloneView
from echo_common.contracts.http.voice_mixes import MixRequest
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_voice import views
from echo_voice.api import examples
from echo_voice.api.dependencies import Deps
from echo_voice.usecases import mixing

router = PublicRouter("voices")


@router.endpoint(
    "POST",
    "/voices/mix",
    status=201,
    idempotent=True,
    errors=(
        VoiceNotFoundError,
        VoiceMixForbiddenError,
        VoiceMixConflictError,
        CloneStateConflictError,
        TooManyMixesError,
        ProviderUnavailableError,
    ),
    example=enveloped(examples.MIX),
)
async def mix_voices(body: MixRequest, principal: VoicesWriter, token: Token, deps: Deps) -> Success[CloneView]:
    """Mix weighted voices and save the result as a clone.

    Built-in voices of Kokoro and the user's own clones of it can be mixed; built-in voices are looked up with the token of the
    request, which needs the scope `speech:read` then. The mix is ready at once. It counts as a cloned voice, and is withdrawn
    when the consent of a clone in it is revoked, or that clone is deleted. `POST /voices/mix/preview` speaks a mix before it is
    saved.
    """
    return ok(views.clone_view(await mixing.mix_voices(body, principal, token, deps)))
