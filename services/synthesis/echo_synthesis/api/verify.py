"""Endpoint for provenance verification."""

from fastapi import Request

from echo_common.auth.dependencies import SpeechReader
from echo_common.contracts.http.provenance import Verification
from echo_common.errors import FileTooLargeError, refuse
from echo_common.http.endpoints import Form, PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.proxy_options import TooManyOpenError
from echo_common.http.upload import received
from echo_synthesis.api import examples
from echo_synthesis.api.dependencies import Deps
from echo_synthesis.usecases import verify
from echo_synthesis.views import verification

_FORM = Form("file")

router = PublicRouter("provenance")


@router.endpoint(
    "POST", "/voice/verify", form=_FORM, errors=(FileTooLargeError, TooManyOpenError), example=enveloped(examples.VERIFICATION)
)
async def verify_audio(request: Request, principal: SpeechReader, deps: Deps) -> Success[Verification]:
    """Verify whether this platform generated an audio file.

    The upload is not stored.

    By the signed C2PA manifest in the file (WAV, MP3, FLAC), or by its bytes (every format, streams too). Administrators and
    the user who made it also get the user, the voice and the job.
    """
    async with received(request, field=_FORM.file, limit=deps.settings.verify_bytes) as upload:
        for name in upload.fields:
            refuse(name, "There is no such field; remove it, or correct its name.")
        if not upload.path.stat().st_size:
            refuse("file", "The file is empty.")
        async with deps.verification_slots.held(principal.user_id):
            finding = await verify.verify(upload.path, deps)
    return ok(verification(finding, principal))
