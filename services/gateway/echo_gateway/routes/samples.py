"""Recordings of somebody."""

from typing import Annotated

from fastapi import Form, Path, Query, UploadFile

from echo_common.auth.principal import Scope
from echo_common.contracts.errors.voice import (
    ConsentRequiredError,
    ProviderUnavailableError,
    QuotaExceededError,
    SampleNotFoundError,
    SampleStateConflictError,
    UnknownProviderError,
    UnsupportedMediaError,
)
from echo_common.contracts.http.voice import (
    Description,
    Language,
    Name,
    SampleReceipt,
    SampleStatus,
    SampleView,
    TrainingReceipt,
    TrainRequest,
    WorkReceipt,
)
from echo_common.errors import FileTooLargeError
from echo_common.http.envelope import Success
from echo_common.http.pagination import PageQuery
from echo_gateway.proxy import ProxyRouter, enveloped

SampleId = Annotated[str, Path(description="A sample's id.", examples=["vs_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
_SAMPLE = {
    "id": "vs_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "name": "My voice",
    "description": None,
    "language": "en",
    "status": "ready",
    "job_id": "job_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "mime": "audio/wav",
    "size": 480044,
    "quality": {
        "duration": 15.0,
        "speech_seconds": 11.2,
        "snr": 24.1,
        "clipping": 0.0,
        "loudness": -22.1,
        "mos": 2.9,
        "language": "en",
        "speakers": 1,
        "sample_rate": 16000,
        "channels": 1,
    },
    "validation": [
        {
            "measure": "speech_seconds",
            "value": 11.2,
            "verdict": "fair",
            "advice": "Twenty seconds of speech or more would be better still.",
        }
    ],
    "transcript": "There's iron, they say, in all our blood.",
    "duplicate_of": None,
    "error_code": None,
    "error_message": None,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:02Z",
}

samples = ProxyRouter("samples", service="voice")


@samples.forward(
    "POST",
    "/voice/samples",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    status=201,
    answers=Success[SampleReceipt],
    errors=(FileTooLargeError, UnsupportedMediaError, QuotaExceededError),
    example=enveloped({"sample_id": _SAMPLE["id"], "status": "uploaded", "duplicate_of": None}),
)
def upload_sample(
    file: UploadFile,
    name: Annotated[Name | None, Form(description="Name; by default the file's name.")] = None,
    description: Annotated[Description | None, Form()] = None,
    language: Annotated[Language | None, Form(description="Language as a BCP 47 tag; by default detected.")] = None,
) -> None:
    """Upload a sample: a recording, or a video, of which the sound is used.

    It is processed in the background: poll it until it is ready or rejected.
    """


@samples.forward(
    "GET",
    "/voice/samples",
    scope=Scope.VOICES_READ,
    answers=Success[list[SampleView]],
    example=enveloped([_SAMPLE]),
)
def list_samples(
    page: PageQuery, status: Annotated[SampleStatus | None, Query(description="Filter by status.")] = None
) -> None:
    """List samples, newest first."""


@samples.forward(
    "GET",
    "/voice/samples/{sample_id}",
    scope=Scope.VOICES_READ,
    answers=Success[SampleView],
    errors=(SampleNotFoundError,),
    example=enveloped(_SAMPLE),
)
def get_sample(sample_id: SampleId) -> None:
    """Get a sample with its measurements, findings and advice."""


@samples.forward(
    "DELETE",
    "/voice/samples/{sample_id}",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    answers=Success[None],
    errors=(SampleNotFoundError, SampleStateConflictError),
    example=enveloped(None, message="The sample is deleted."),
)
def delete_sample(sample_id: SampleId) -> None:
    """Delete a sample. Clones made from it stay."""


@samples.forward(
    "POST",
    "/voice/samples/{sample_id}/process",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    status=202,
    answers=Success[WorkReceipt],
    errors=(SampleNotFoundError, SampleStateConflictError),
    example=enveloped({"job_id": _SAMPLE["job_id"], "status": "pending"}),
)
def process_sample(sample_id: SampleId) -> None:
    """Process a sample again."""


@samples.forward(
    "POST",
    "/voice/samples/{sample_id}/train",
    scope=Scope.VOICES_WRITE,
    idempotent=True,
    status=202,
    answers=Success[TrainingReceipt],
    errors=(
        SampleNotFoundError,
        SampleStateConflictError,
        ConsentRequiredError,
        UnknownProviderError,
        ProviderUnavailableError,
    ),
    example=enveloped(
        {
            "training_job_id": "job_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
            "clone_id": "vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
            "estimated_duration": 180.0,
            "status": "pending",
            "features": ["speech", "streaming", "word_timestamps"],
        }
    ),
)
def train_from_sample(sample_id: SampleId, body: TrainRequest) -> None:
    """Create a clone from this sample alone."""
