"""The simple form of speech: a text and a voice's name in, a request with its files out. Behind it are the same jobs."""

from typing import Annotated

from fastapi import Path

from echo_common.auth.principal import Scope
from echo_common.contracts.errors.synthesis import PLANNING, JobStateConflictError, SynthesisNotFoundError, VoiceNotFoundError
from echo_common.contracts.http.synthesis import GenerateRequest, GenerateView
from echo_common.http.envelope import Success
from echo_common.http.files import RangeNotSatisfiableError
from echo_common.http.pagination import PageQuery
from echo_gateway.proxy import Media, ProxyRouter, enveloped
from echo_gateway.routes.jobs import PAGE_EXAMPLE
from echo_gateway.routes.speech import AUDIO_TYPES, RESULT

SynthesisId = Annotated[
    str,
    Path(description="Id of a synthesis, of its job or of its audio.", examples=["syn_01K9ZX3V5T4S2R1Q0P9N8M7K6J"]),
]
_PENDING = {
    "id": "syn_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "job_id": "job_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "text": "Hello from Echo.",
    "voice_name": "af_heart",
    "status": "pending",
    "files": [],
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:00Z",
}
_FILE = {"path": RESULT["audio_url"], "mime": "audio/wav", "size": RESULT["size"], "checksum": "9f2c…"}
_DONE = _PENDING | {"status": "completed", "duration": 1.4, "files": [_FILE]}

requests = ProxyRouter("speech", service="synthesis")


@requests.forward(
    "POST",
    "/tts/generate",
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    status=202,
    answers=Success[GenerateView],
    errors=(VoiceNotFoundError, *PLANNING),
    example=enveloped(_PENDING),
)
def generate(body: GenerateRequest) -> None:
    """Synthesize a text in a named voice, in the background."""


@requests.forward(
    "GET",
    "/tts/",
    alias=("/tts", "/tts/"),
    scope=Scope.SPEECH_READ,
    answers=Success[list[GenerateView]],
    example=enveloped([_DONE], meta=PAGE_EXAMPLE),
)
def list_syntheses(page: PageQuery) -> None:
    """List syntheses, newest first."""


@requests.forward(
    "GET",
    "/tts/{synthesis_id}",
    scope=Scope.SPEECH_READ,
    answers=Success[GenerateView],
    errors=(SynthesisNotFoundError,),
    example=enveloped(_DONE),
)
def get_synthesis(synthesis_id: SynthesisId) -> None:
    """Get a synthesis with its files."""


@requests.forward(
    "GET",
    "/tts/{synthesis_id}/download",
    scope=Scope.SPEECH_READ,
    answers=Media("The audio, to be saved.", AUDIO_TYPES),
    other_responses={206: "The part asked for.", 304: "Unchanged."},
    errors=(SynthesisNotFoundError, JobStateConflictError, RangeNotSatisfiableError),
)
def download_synthesis(synthesis_id: SynthesisId) -> None:
    """Download the audio of a synthesis."""


@requests.forward(
    "GET",
    "/tts/{synthesis_id}/captions.srt",
    scope=Scope.SPEECH_READ,
    answers=Media("SubRip captions.", ("application/x-subrip",)),
    errors=(SynthesisNotFoundError, JobStateConflictError),
)
def get_srt_captions(synthesis_id: SynthesisId) -> None:
    """Get captions from word times, as SubRip."""


@requests.forward(
    "GET",
    "/tts/{synthesis_id}/captions.vtt",
    scope=Scope.SPEECH_READ,
    answers=Media("WebVTT captions.", ("text/vtt",)),
    errors=(SynthesisNotFoundError, JobStateConflictError),
)
def get_vtt_captions(synthesis_id: SynthesisId) -> None:
    """Get captions from word times, as WebVTT."""


@requests.forward(
    "DELETE",
    "/tts/{synthesis_id}",
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    answers=Success[None],
    errors=(SynthesisNotFoundError, JobStateConflictError),
    example=enveloped(None, message="The synthesis is deleted."),
)
def delete_synthesis(synthesis_id: SynthesisId) -> None:
    """Delete a synthesis and its audio, unless it is being processed."""
