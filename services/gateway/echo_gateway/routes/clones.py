"""Clones: voices made from samples, and the consent they need."""

from typing import Annotated

from fastapi import Header, Path, Query
from starlette.types import Receive, Send
from starlette.types import Scope as Request

from echo_common.auth.principal import Scope
from echo_common.contracts.errors.voice import (
    CloneNotFoundError,
    CloneStateConflictError,
    ConsentNotFoundError,
    ConsentRequiredError,
    ProviderUnavailableError,
    SampleNotFoundError,
    SampleStateConflictError,
    UnknownProviderError,
)
from echo_common.contracts.http.voice import (
    ClonePatch,
    CloneReceipt,
    CloneView,
    ConsentPhrase,
    ConsentView,
    CreateCloneRequest,
    ProgressView,
    ResumeRequest,
    Selection,
    TrainingView,
)
from echo_common.errors import ServiceUnavailableError
from echo_common.http.envelope import Success
from echo_common.http.pagination import PageQuery
from echo_gateway.authentication import authorize
from echo_gateway.concurrency import Kind
from echo_gateway.dependencies import Dependencies
from echo_gateway.progress_sse import follow
from echo_gateway.proxy import Media, ProxyRouter, enveloped

CloneId = Annotated[str, Path(description="A clone's id.", examples=["vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
_CONFIG = {
    "epochs": 2,
    "learning_rate": 0.1,
    "batch_size": 1,
    "restraint": 0.02,
    "seed": 0,
    "enable_timestamp_alignment": True,
}
_QUALITY = {"similarity": 0.82, "nearest_stock": 0.61, "mos": 3.1, "seconds": 180.0}
CLONE = {
    "id": "vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "model_id": "vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "name": "My voice",
    "provider": "local",
    "engine": "kokoro",
    "language": "en",
    "status": "ready",
    "job_id": "job_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "progress": 100,
    "note": None,
    "config": _CONFIG,
    "quality": _QUALITY,
    "sample_ids": ["vs_01K9ZX3V5T4S2R1Q0P9N8M7K6J"],
    "consent_id": "cns_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "public": False,
    "shared_with": [],
    "error_code": None,
    "error_message": None,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:03:00Z",
}
_RECEIPT = {"clone_id": CLONE["id"], "job_id": CLONE["job_id"], "status": "pending"}
_CONSENT = {
    "id": "cns_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "kind": "attested",
    "statement": "I am the owner of this voice, or I have its owner's permission to clone it with Echo.",
    "statement_version": "1",
    "proof": None,
    "created_at": "2026-01-31T10:00:00Z",
    "revoked_at": None,
}
_PHRASE = {
    "phrase_id": "phr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "text": "I am the owner of this voice and I agree that Echo makes a clone of it. Today's words are: amber, river, …",
    "words": ["amber", "river"],
    "valid_until": "2026-02-01T10:00:00Z",
}
_ONE = (CloneNotFoundError, CloneStateConflictError)

clones = ProxyRouter("clones", service="voice")


@clones.forward(
    "GET",
    "/voice/consent-phrase",
    scope=Scope.VOICES_WRITE,
    answers=Success[ConsentPhrase],
    example=enveloped(_PHRASE),
)
def consent_phrase() -> None:
    """Create a consent statement with random words, to be read out in a sample of its own. It is valid for a day and for one consent."""


@clones.forward(
    "GET", "/voice/consents", scope=Scope.VOICES_READ, answers=Success[list[ConsentView]], example=enveloped([_CONSENT])
)
def list_consents(page: PageQuery) -> None:
    """List consents, newest first."""


@clones.forward(
    "GET",
    "/voice/consents/{consent_id}",
    scope=Scope.VOICES_READ,
    answers=Success[ConsentView],
    errors=(ConsentNotFoundError,),
    example=enveloped(_CONSENT),
)
def get_consent(consent_id: Annotated[str, Path(description="A consent's id.")]) -> None:
    """Get a consent."""


@clones.forward(
    "POST",
    "/voice/consents/{consent_id}/revoke",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    answers=Success[ConsentView],
    errors=(ConsentNotFoundError,),
    example=enveloped(_CONSENT | {"revoked_at": "2026-02-01T10:00:00Z"}),
)
def revoke_consent(consent_id: Annotated[str, Path(description="A consent's id.")]) -> None:
    """Revoke a consent: its voices are disabled for good within seconds, and their cached speech is removed."""


@clones.forward(
    "POST",
    "/voice/clones",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    status=202,
    answers=Success[CloneReceipt],
    errors=(
        SampleNotFoundError,
        SampleStateConflictError,
        ConsentRequiredError,
        UnknownProviderError,
        ProviderUnavailableError,
    ),
    example=enveloped(_RECEIPT),
)
def create_clone(body: CreateCloneRequest) -> None:
    """Create a clone from samples that are ready.

    `consent` is `{"attested": true}` where the platform accepts an attestation, `{"statement_sample_id": …}` where it requires
    the speaker's recorded statement.
    """


@clones.forward("GET", "/voice/clones", scope=Scope.VOICES_READ, answers=Success[list[CloneView]], example=enveloped([CLONE]))
def list_clones(
    page: PageQuery,
    job_id: Annotated[str | None, Query(max_length=64, description="Filter by training.")] = None,
) -> None:
    """List clones, newest first."""


@clones.forward(
    "GET",
    "/voice/clones/{clone_id}",
    scope=Scope.VOICES_READ,
    answers=Success[CloneView],
    errors=(CloneNotFoundError,),
    example=enveloped(CLONE),
)
def get_clone(clone_id: CloneId) -> None:
    """Get a clone with its training and quality."""


@clones.forward(
    "PATCH",
    "/voice/clones/{clone_id}",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    answers=Success[CloneView],
    errors=_ONE,
    example=enveloped(CLONE),
)
def change_clone(clone_id: CloneId, body: ClonePatch) -> None:
    """Rename a clone, or cancel its training."""


@clones.forward(
    "DELETE",
    "/voice/clones/{clone_id}",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    answers=Success[None],
    errors=(CloneNotFoundError,),
    example=enveloped(None, message="The clone is deleted."),
)
def delete_clone(clone_id: CloneId) -> None:
    """Delete a clone. Audio made with it stays; new speech is refused."""


@clones.forward(
    "GET",
    "/voice/clones/{clone_id}/training",
    scope=Scope.VOICES_READ,
    answers=Success[ProgressView],
    errors=(CloneNotFoundError,),
    example=enveloped(
        {
            "status": "processing",
            "progress": 30,
            "units_done": 3,
            "units_total": 10,
            "step": "steps done",
            "note": "refining",
            "error_message": None,
        }
    ),
)
def get_training(clone_id: CloneId) -> None:
    """Get the progress of a clone's training."""


@clones.forward(
    "GET",
    "/voice/clones/{clone_id}/trainings",
    scope=Scope.VOICES_READ,
    answers=Success[list[TrainingView]],
    errors=(CloneNotFoundError,),
    example=enveloped(
        [
            {
                "job_id": CLONE["job_id"],
                "config": _CONFIG,
                "status": "completed",
                "started_at": "2026-01-31T10:00:00Z",
                "ended_at": "2026-01-31T10:03:00Z",
                "error_message": None,
                "quality": _QUALITY,
            }
        ]
    ),
)
def list_trainings(clone_id: CloneId) -> None:
    """List a clone's trainings, newest first."""


@clones.forward(
    "POST",
    "/voice/clones/{clone_id}/train",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    status=202,
    answers=Success[CloneReceipt],
    errors=_ONE,
    example=enveloped(_RECEIPT),
)
def train_again(clone_id: CloneId, body: ResumeRequest) -> None:
    """Train a clone again: after a failure, a cancellation, or with another configuration.

    The previous voice stays in use until then.
    """


@clones.forward(
    "POST",
    "/voice/clones/{clone_id}/select",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    answers=Success[Selection],
    errors=(CloneNotFoundError,),
    example=enveloped({"voice_id": CLONE["id"]}),
)
def select_clone(clone_id: CloneId) -> None:
    """Select a clone as the default voice of requests."""


async def _progress(scope: Request, receive: Receive, send: Send) -> None:
    authorize(scope, Scope.VOICES_READ)
    dependencies: Dependencies = scope["app"].state.dependencies
    client = dependencies.clients.get("voice")
    if client is None:
        raise ServiceUnavailableError("There is no voice here.")
    clone_id = scope["path_params"]["clone_id"]
    await follow(client, dependencies.progress_polls, clone_id, scope, receive, send, place="/voice/clones/{}/training")


@clones.forward(
    "GET",
    "/voice/clones/{clone_id}/progress",
    by=_progress,
    stays_open=Kind.SUBSCRIPTION,
    scope=Scope.VOICES_READ,
    answers=Media(
        'Server-sent events `{"progress", "status", "message"}` with ids, from the first on; the last is `{"event": "complete"}`.',
        ("text/event-stream",),
    ),
    errors=(CloneNotFoundError,),
)
def follow_training(
    clone_id: CloneId,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="Resume after this event, without gap or repetition.")
    ] = None,
) -> None:
    """Stream the progress of a clone's training."""
