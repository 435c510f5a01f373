"""Request and response bodies of the Echo API, in its published shapes."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from echo_common.contracts.http.base import Name
from echo_common.contracts.http.echos import PersonaPrompt
from echo_common.contracts.http.voice import CloneStatus


class ReferenceRecord(BaseModel):
    """A voice model in the Echo API."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    id: str = Field(alias="_id")
    user_id: str
    model_id: str
    name: str
    audio_file_path: str | None
    file_type: str | None
    echo_id: str | None
    created_at: datetime
    status: CloneStatus
    progress: int = Field(ge=0, le=100, description="Progress of the training in per cent.")
    error_message: str | None = Field(description="Reason of a failed training.")
    status_url: str = Field(description="Path of this record; poll it to follow the training.")


class ReferenceUploaded(BaseModel):
    """The Echo API's response to an upload."""

    success: bool = True
    model_id: str
    reference_id: str
    message: str
    database_record: ReferenceRecord | None = None

    @model_serializer(mode="wrap")
    def _omit_unstored_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        body: dict[str, Any] = handler(self)
        return {name: value for name, value in body.items() if value is not None}


class ReferenceList(BaseModel):
    """A list of voice models in the Echo API."""

    voice_models: list[ReferenceRecord]
    count: int


class ReferenceOne(BaseModel):
    """One voice model in the Echo API."""

    voice_model: ReferenceRecord


class ReferencePatch(BaseModel):
    """A change of a voice model: its echo or its name."""

    echo_id: str | None = Field(None, max_length=64, description="Echo to link the voice model to; null unlinks it.")
    name: Name | None = Field(None, examples=["Grandmother"])


class ReferenceDone(BaseModel):
    """Confirmation of an Echo API request."""

    success: bool = True
    message: str


class EchoRequest(BaseModel):
    """An echo to create."""

    user_id: str | None = Field(None, min_length=1, max_length=64)
    name: Name = Field(examples=["Grandmother"])
    persona_prompt: PersonaPrompt = ""
    voice_model_id: str | None = Field(None, max_length=64)


class EchoDocument(BaseModel):
    """An echo in the Echo API."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    id: str = Field(alias="_id")
    user_id: str
    name: str
    persona_prompt: str
    voice_model_id: str | None = Field(description="The voice: a voice model, or any other that the echo was given.")
    created_at: datetime


class EchoDocuments(BaseModel):
    """A list of echos in the Echo API."""

    echos: list[EchoDocument]
    count: int
