"""Route for provenance verification."""

from fastapi import APIRouter, Request

from echo_common.auth.dependencies import SpeechReader
from echo_common.contracts.http.provenance import Verification
from echo_common.errors import ValidationError
from echo_common.http.envelope import Success, ok
from echo_common.http.upload import received
from echo_synthesis import usecases
from echo_synthesis.api.dependencies import Deps
from echo_synthesis.views import verification

router = APIRouter()


@router.post("/voice/verify")
async def verify(request: Request, principal: SpeechReader, deps: Deps) -> Success[Verification]:
    """Verify whether this deployment generated an audio file. Nothing of the file is stored."""
    async with received(request, field="file", limit=deps.studio.settings.verify_bytes) as upload:
        if not upload.path.stat().st_size:
            message = "The file is empty."
            raise ValidationError(message, details=[{"field": "file", "message": message}])
        return ok(verification(await usecases.verify(upload.path, deps.studio), principal))
