"""Clones as voices: who may speak with them, and which sound alike."""

from typing import Annotated

from fastapi import Path, Query

from echo_common.auth.principal import Scope
from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.errors.voice import CloneNotFoundError, CloneStateConflictError
from echo_common.contracts.http.voice import BulkDeleteRequest, BulkResult, ShareRequest, Shares, SimilarVoice
from echo_common.http.envelope import Success
from echo_gateway.proxy import ProxyRouter, enveloped
from echo_gateway.routes.clones import CLONE

VoiceId = Annotated[str, Path(description="A clone's id.", examples=[CLONE["id"]])]
_SHARES = {"voice_id": CLONE["id"], "public": False, "shared_with": ["usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J"]}

sharing = ProxyRouter("voices", service="voice")


@sharing.forward(
    "POST",
    "/voices/bulk-delete",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    answers=Success[list[BulkResult]],
    example=enveloped([{"id": CLONE["id"], "deleted": True, "error": None}]),
)
def delete_voices(body: BulkDeleteRequest) -> None:
    """Delete several clones, each with its own result."""


@sharing.forward(
    "GET",
    "/voices/{voice_id}/similar",
    scope=Scope.VOICES_READ,
    answers=Success[list[SimilarVoice]],
    errors=(CloneNotFoundError, VoiceNotFoundError),
    example=enveloped(
        [
            {"id": CLONE["id"], "name": "My voice", "kind": "clone", "similarity": 0.81},
            {"id": "af_heart", "name": "Heart", "kind": "builtin", "similarity": 0.62},
        ]
    ),
)
def similar_voices(
    voice_id: Annotated[str, Path(description="A clone's id, or a built-in voice's.", examples=["af_heart"])],
    limit: Annotated[int, Query(ge=1, le=50, description="Maximum number of voices.")] = 10,
) -> None:
    """List similar voices that the user may use, most similar first.

    Clones of every engine are compared by their samples, and Kokoro's English voices by their sound. Other built-in voices are
    not measured: they are never found, and for them the answer is 404 `VOICE_NOT_FOUND`.
    """


@sharing.forward(
    "GET",
    "/voices/{voice_id}/shares",
    scope=Scope.VOICES_READ,
    answers=Success[Shares],
    errors=(CloneNotFoundError,),
    example=enveloped(_SHARES),
)
def get_shares(voice_id: VoiceId) -> None:
    """Get the shares of a clone."""


@sharing.forward(
    "POST",
    "/voices/{voice_id}/shares",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    answers=Success[Shares],
    errors=(CloneNotFoundError, CloneStateConflictError),
    example=enveloped(_SHARES),
)
def share_voice(voice_id: VoiceId, body: ShareRequest) -> None:
    """Share a clone with a user, or make it public."""


@sharing.forward(
    "DELETE",
    "/voices/{voice_id}/shares",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    answers=Success[Shares],
    errors=(CloneNotFoundError,),
    example=enveloped(_SHARES | {"shared_with": []}),
)
def unshare_voice(
    voice_id: VoiceId,
    user_id: Annotated[str | None, Query(max_length=64, description="Revoke this user's share only.")] = None,
    public: Annotated[bool, Query(description="Revoke the public share only.")] = False,
) -> None:
    """Revoke shares of a clone at once: a user's, the public one, or all."""
