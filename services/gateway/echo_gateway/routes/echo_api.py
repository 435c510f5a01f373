"""The Echo API: unversioned, plain JSON without envelope, kept so that existing clients work."""

from typing import Annotated

from fastapi import Form, Path, Query, UploadFile

from echo_common.auth.principal import Scope
from echo_common.contracts.errors.synthesis import SPEAKING, VoiceNotFoundError
from echo_common.contracts.errors.voice import (
    AnalysisFailedError,
    CloneNotFoundError,
    ConsentRequiredError,
    EchoNotFoundError,
    ProviderUnavailableError,
    QuotaExceededError,
    UnreadableError,
    UnsupportedMediaError,
)
from echo_common.contracts.http.auth import EchoUser, EchoUserRequest
from echo_common.contracts.http.auth import Name as PersonName
from echo_common.contracts.http.echo_api import (
    EchoDocument,
    EchoRequest,
    ReferenceDone,
    ReferenceList,
    ReferenceOne,
    ReferencePatch,
    ReferenceUploaded,
)
from echo_common.contracts.http.synthesis import ReferenceSpeech
from echo_common.contracts.http.voice import Name
from echo_common.errors import FileTooLargeError, ForbiddenError, UnauthenticatedError
from echo_gateway.concurrency import Kind
from echo_gateway.proxy import Media, ProxyRouter

ModelId = Annotated[str, Path(description="A voice model's `model_id`.", examples=["vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
_RECORD = {
    "_id": "vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "model_id": "vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "name": "My voice",
    "audio_file_path": "samples/vs_01K9ZX3V5T4S2R1Q0P9N8M7K6J/original",
    "file_type": "audio",
    "echo_id": None,
    "created_at": "2026-01-31T10:00:00Z",
}
_ECHO = {
    "_id": "echo_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "user_id": _RECORD["user_id"],
    "name": "Grandmother",
    "persona_prompt": "You are kind and tell stories.",
    "voice_model_id": _RECORD["_id"],
    "created_at": "2026-01-31T10:00:00Z",
}

_PERSON = {
    "_id": _RECORD["user_id"],
    "name": "Ada",
    "email": "ada@example.com",
    "created_at": "2026-01-31T10:00:00Z",
}

echo_api = ProxyRouter("Echo API", service="voice", root="/api", plain=True)
echo_speech = ProxyRouter("Echo API", service="synthesis", root="/api", plain=True)
echo_users = ProxyRouter("Echo API", service="auth", root="/api", plain=True)


@echo_api.forward(
    "POST",
    "/upload-reference",
    public=True,
    idempotent=True,
    answers=ReferenceUploaded,
    errors=(
        FileTooLargeError,
        UnsupportedMediaError,
        UnreadableError,
        AnalysisFailedError,
        ConsentRequiredError,
        ProviderUnavailableError,
        EchoNotFoundError,
        QuotaExceededError,
        UnauthenticatedError,
    ),
    example={
        "success": True,
        "model_id": _RECORD["model_id"],
        "reference_id": _RECORD["model_id"],
        "message": "The voice model is being made.",
        "database_record": _RECORD,
    },
)
def upload_reference(
    audio: UploadFile,
    name: Annotated[Name | None, Form()] = None,
    user_id: Annotated[str | None, Form(description="Must be the user of the token.")] = None,
    echo_id: Annotated[str | None, Form(description="Echo to link the voice model to.")] = None,
    file_type: Annotated[str | None, Form(description="Type of the file: `audio` or `video`.")] = None,
) -> None:
    """Create a voice model from a recording, with the speaker's permission.

    With a token it is stored. Without a token the answer is 401, unless the operator allows such uploads: then nothing is
    stored, the provider must store voices itself, and a daily limit applies.
    """


@echo_api.forward(
    "GET",
    "/voice-models",
    scope=Scope.VOICES_READ,
    answers=ReferenceList,
    example={"voice_models": [_RECORD], "count": 1},
)
def list_voice_models(
    user_id: Annotated[str | None, Query(max_length=64, description="Must be the user of the token.")] = None,
) -> None:
    """List voice models."""


@echo_api.forward(
    "GET",
    "/voice-models/{model_id}",
    scope=Scope.VOICES_READ,
    answers=ReferenceOne,
    errors=(CloneNotFoundError,),
    example={"voice_model": _RECORD},
)
def get_voice_model(model_id: ModelId) -> None:
    """Get a voice model."""


@echo_api.forward(
    "PATCH",
    "/voice-models/{model_id}",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    answers=ReferenceOne,
    errors=(CloneNotFoundError, EchoNotFoundError),
    example={"voice_model": _RECORD},
)
def change_voice_model(model_id: ModelId, body: ReferencePatch) -> None:
    """Link a voice model to an echo, or rename it."""


@echo_api.forward(
    "DELETE",
    "/voice-models/{model_id}",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    answers=ReferenceDone,
    errors=(CloneNotFoundError,),
    example={"success": True, "message": "The voice model is deleted."},
)
def delete_voice_model(model_id: ModelId) -> None:
    """Delete a voice model. The provider's copy stays."""


@echo_api.forward(
    "POST",
    "/echo",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    answers=EchoDocument,
    errors=(CloneNotFoundError,),
    example=_ECHO,
)
def create_echo(body: EchoRequest) -> None:
    """Create an echo: a persona with a voice."""


@echo_api.forward(
    "GET",
    "/echo/{echo_id}/voice-model",
    scope=Scope.VOICES_READ,
    answers=ReferenceOne,
    errors=(CloneNotFoundError, EchoNotFoundError),
    example={"voice_model": _RECORD},
)
def get_echo_voice_model(echo_id: Annotated[str, Path(description="An echo's id.")]) -> None:
    """Get the voice model of an echo."""


@echo_speech.forward(
    "POST",
    "/synthesize",
    stays_open=Kind.STREAM,
    scope=Scope.SPEECH_WRITE,
    answers=Media("MP3, as it is made.", ("audio/mpeg",)),
    errors=(VoiceNotFoundError, *SPEAKING),
)
def synthesize_with_reference(body: ReferenceSpeech) -> None:
    """Speak a text with a voice model."""


@echo_users.forward("POST", "/users/{name}", public=True, answers=EchoUser, errors=(ForbiddenError,), example=_PERSON)
def name_user(
    name: Annotated[PersonName, Path(description="Name of the user.", examples=["Ada"])], body: EchoUserRequest
) -> None:
    """Name the current user.

    With a token: the token's user, whose address `email` must be. Without a token: a guest, where the operator allows guests.
    The answer then carries the tokens, and repeats the address, which is neither looked up nor stored.
    """
