"""Where audio comes from."""

from fastapi import UploadFile

from echo_common.auth.principal import Scope
from echo_common.contracts.http.provenance import Verification
from echo_common.errors import FileTooLargeError
from echo_common.http.envelope import Success
from echo_gateway.proxy import ProxyRouter, enveloped

_FOUND = {
    "generated_here": True,
    "cloned": True,
    "created_at": "2026-01-31T09:00:00Z",
    "checksum": "9f2c4ab1d0e37c55a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718",
    "marks": [
        {
            "kind": "manifest",
            "verdict": "genuine",
            "message": "The manifest was signed here, and nothing in the file was changed since.",
        }
    ],
    "origin": None,
}

provenance = ProxyRouter("provenance", service="synthesis")


@provenance.forward(
    "POST",
    "/voice/verify",
    scope=Scope.SPEECH_READ,
    answers=Success[Verification],
    errors=(FileTooLargeError,),
    example=enveloped(_FOUND),
)
def verify_audio(file: UploadFile) -> None:
    """Verify whether an audio was made by this platform. The upload is not stored.

    By the signed C2PA manifest in the file (WAV, MP3, FLAC), or by its bytes (every format, streams too). Administrators and
    the user who made it also get the user, the voice and the job.
    """
