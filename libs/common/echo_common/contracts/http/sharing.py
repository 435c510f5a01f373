"""Request and response bodies of the use of voices: sharing, selection, similarity, deletion of several."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from echo_common.contracts.http.auth import Email
from echo_common.contracts.http.base import RequestBody

_ABSENT: JsonDict = {"type": "null"}
_PRESENT: JsonDict = {"not": {"type": "null"}}
_FALSE: JsonDict = {"const": False}


class ShareRequest(RequestBody):
    """The recipient: a user, by id or by the email address of a user who allows it, or everyone."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["user_id"], "properties": {"user_id": _PRESENT, "email": _ABSENT, "public": _FALSE}},
                {"required": ["email"], "properties": {"email": _PRESENT, "user_id": _ABSENT, "public": _FALSE}},
                {"required": ["public"], "properties": {"public": {"const": True}, "user_id": _ABSENT, "email": _ABSENT}},
            ]
        }
    )

    user_id: str | None = Field(
        None, min_length=1, max_length=64, description="Id of a user.", examples=["usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J"]
    )
    email: Email | None = Field(
        None, description="Email address of a user whose `discoverable` is true.", examples=["ada@example.com"]
    )
    public: bool = Field(False, description="Share with everyone.")


class Shares(BaseModel):
    """Sharing state of a voice model."""

    voice_id: str
    public: bool
    shared_with: list[str]


class BulkDeleteRequest(RequestBody):
    """Voice models to delete."""

    ids: list[str] = Field(min_length=1, max_length=100, examples=[["vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J"]])


class BulkResult(BaseModel):
    """The result for one voice model."""

    id: str
    deleted: bool
    error: str | None = Field(None, description="Error code, when it was not deleted.")


class SimilarVoice(BaseModel):
    """A similar voice."""

    id: str
    name: str
    kind: Literal["built-in", "clone"]
    similarity: float = Field(description="Cosine similarity, at most 1.")


class Selection(BaseModel):
    """The default voice of requests."""

    voice_id: str
