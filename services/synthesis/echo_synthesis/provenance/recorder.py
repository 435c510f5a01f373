"""Signing and recording of generated speech, required before any is delivered."""

import asyncio
import wave
from pathlib import Path

from echo_common.errors import EchoError, InternalError
from echo_common.live_settings import LiveSettings
from echo_common.sandbox import run_sandboxed
from echo_common.scratch import Scratch
from echo_common.store.port import Store
from echo_synthesis.audio.watermark import Watermarker
from echo_synthesis.domain import ProvenanceRecord, SpeechSettings
from echo_synthesis.engine import EngineSpec
from echo_synthesis.provenance.inspection import Inspection, inspect
from echo_synthesis.provenance.records import ProvenanceRecords
from echo_synthesis.provenance.signers import Credentials, Signer, Signers
from echo_synthesis.provenance.watermarks import Watermarks
from echo_synthesis.settings import SynthesisSettings

SMALL = 8 * 1024 * 1024
"""Largest file in bytes that is signed in this process; larger ones need much memory and block the event loop."""

_SIGNING = "echo_synthesis.provenance.signing"
_LONGEST = 300.0  # seconds; an hour of WAV takes 5

SIGNABLE = frozenset({"audio/wav", "audio/mpeg", "audio/flac"})
"""Formats that can hold a manifest."""


class CertificateError(EchoError):
    """The configured certificate and key cannot sign manifests."""


class ProvenanceRecorder:
    """Signer and recorder of speech that must be traceable. Create with `open`."""

    def __init__(
        self,
        records: ProvenanceRecords,
        signers: Signers,
        credentials: Credentials,
        watermarks: Watermarks,
        *,
        everything: bool = False,
    ) -> None:
        self.records = records
        self.signers = signers
        self._credentials = credentials
        self._watermarks = watermarks
        self._everything = everything
        self._one_at_a_time = asyncio.Semaphore(1)  # memory grows with the file

    @classmethod
    async def open(
        cls, store: Store, settings: SynthesisSettings, scratch: Scratch, live_settings: LiveSettings
    ) -> "ProvenanceRecorder":
        """Load the credentials and prepare the collections. Raises `CertificateError` if the operator's cannot sign."""
        records, signers = ProvenanceRecords(store), Signers(store)
        await records.prepare()
        watermarks = await Watermarks.open(store, live_settings)
        try:
            credentials = await signers.open(settings.c2pa_certificate, settings.c2pa_key)
            recorder = cls(records, signers, credentials, watermarks, everything=settings.mark == "all")
            if settings.c2pa_certificate is not None:
                await asyncio.to_thread(_try_out, credentials, scratch)
        except (OSError, ValueError) as error:
            raise CertificateError(f"ECHO_SYNTHESIS_C2PA_CERTIFICATE and _KEY cannot sign manifests: {error}.") from error
        return recorder

    def record_of(
        self, settings: SpeechSettings, engine: EngineSpec, *, user_id: str, **work: str | None
    ) -> ProvenanceRecord | None:
        """Create the provenance record of speech that must be traceable; return None for other speech."""
        cloned = _is_cloned(settings, engine)
        return ProvenanceRecord.of(settings, cloned=cloned, user_id=user_id, **work) if cloned or self._everything else None

    def watermarker(self, settings: SpeechSettings, engine: EngineSpec) -> Watermarker | None:
        """Create a marker of cloned speech at the engine's rate; return None for other speech and while it is switched off."""
        return self._watermarks.marker(engine.sample_rate) if _is_cloned(settings, engine) else None

    async def sign(self, path: Path, mime: str, record: ProvenanceRecord) -> Path:
        """Write a signed copy beside the file and return its path; return `path` if the format cannot hold a manifest."""
        if mime not in SIGNABLE:
            return path
        signed = path.with_name(f"{path.name}.signed")
        async with self._one_at_a_time:
            if (await asyncio.to_thread(path.stat)).st_size <= SMALL:
                await asyncio.to_thread(_sign, path, signed, mime, self._credentials, record)
            else:
                await self._sign_elsewhere(path, signed, mime, record)
        return signed

    async def inspect(self, path: Path) -> Inspection:
        """Inspect an untrusted file. Writes temporary files beside it. Raises `StoreUnavailableError`."""
        return await inspect(path, await self.signers.all(), self._watermarks)

    async def _sign_elsewhere(self, path: Path, signed: Path, mime: str, record: ProvenanceRecord) -> None:
        """Sign in a separate process. Raises `InternalError`: speech that must be signed is not delivered unsigned."""
        certificate, key = await asyncio.to_thread(self._credentials.write, path.parent)
        voice = "cloned" if record.cloned else "synthetic"
        if await run_sandboxed(_SIGNING, path, signed, mime, certificate, key, record.id, voice, seconds=_LONGEST) is None:
            raise InternalError


def _is_cloned(settings: SpeechSettings, engine: EngineSpec) -> bool:
    return settings.cloned or "clones" in engine.tags


def _sign(source: Path, target: Path, mime: str, credentials: Credentials, record: ProvenanceRecord) -> None:
    from echo_synthesis.provenance.manifest import sign  # imports 20 MB; deferred to keep startup fast

    sign(source, target, mime, credentials, record.id, cloned=record.cloned)


def _try_out(credentials: Credentials, scratch: Scratch) -> None:
    """Sign and verify a test file, so that a bad certificate fails at startup. Raises `ValueError`."""
    import c2pa

    from echo_synthesis.provenance.manifest import read, sign

    with scratch.folder("signing") as folder:
        silence, signed = folder / "silence", folder / "signed"
        with wave.open(str(silence), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8_000)
            file.writeframes(bytes(1_600))
        try:
            sign(silence, signed, "audio/wav", credentials, "org_", cloned=False)
            found = read(signed, "audio/wav", [Signer.of(credentials.chain)])
        except c2pa.C2paError as error:
            raise ValueError(str(error)) from error
    if found is None or found.verdict != "genuine":
        raise ValueError("signatures made with them are not trusted: the chain must go up to its root")
