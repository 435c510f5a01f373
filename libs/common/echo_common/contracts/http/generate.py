"""Request and response bodies of the simple request: a text and a voice's name."""

from datetime import datetime

from pydantic import BaseModel, Field

from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.http.metadata import Metadata
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.values import JobStatus


class GenerateRequest(RequestBody):
    """The simple request: a text and a voice's name or id."""

    text: str = Field(min_length=1, description="Text to synthesise.", examples=["Hello from Echo."])
    voice_name: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Name or id of the voice; the default voice when absent. An ambiguous name is refused with the candidates.",
        examples=["Heart"],
    )
    config: SpeechConfig = SpeechConfig()
    metadata: Metadata = Field({})


class GeneratedFile(BaseModel):
    """A generated file. `path` is on the gateway; `checksum` is the SHA-256 of the bytes, in hex."""

    path: str
    mime: str
    size: int
    checksum: str


class GenerateView(BaseModel):
    """A simple request and its result."""

    id: str
    job_id: str | None = None
    text: str | None = None
    voice_name: str
    status: JobStatus
    duration: float | None = None
    files: list[GeneratedFile] = []
    metadata: Metadata = Field({})
    error_message: str | None = None
    created_at: datetime
    updated_at: datetime
