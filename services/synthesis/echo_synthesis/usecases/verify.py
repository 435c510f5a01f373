"""Verification of the provenance of files."""

from dataclasses import dataclass
from pathlib import Path

from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import ProvenanceRecord
from echo_synthesis.provenance.inspection import Verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of verifying a file: the SHA-256 of its bytes, in hex, and whether exactly these bytes are on record.

    `watermark` says whether its sound has the watermark of cloned speech, which names no record.
    `record` is the file's provenance record; if the manifest says that the file was changed, that of the original. It may be
    unknown although the manifest is genuine, if the record was lost.
    """

    checksum: str
    recorded: bool
    manifest: Verdict | None
    watermark: bool
    record: ProvenanceRecord | None

    @property
    def generated_here(self) -> bool:
        """True if this deployment generated these bytes, or cloned speech in them."""
        return self.certain or self.watermark

    @property
    def certain(self) -> bool:
        """True if this deployment generated exactly these bytes, so that the record describes them."""
        return self.recorded or self.manifest == "genuine"

    @property
    def cloned(self) -> bool | None:
        """True if a voice model was used; None if that is unknown."""
        if self.watermark:
            return True
        return self.record.cloned if self.record and self.certain else None


async def verify(path: Path, deps: Dependencies) -> Finding:
    """Verify an untrusted file. Writes temporary files beside it. Raises `StoreUnavailableError`."""
    provenance = deps.provenance
    inspection = await provenance.inspect(path)
    recorded = await provenance.records.by_checksum(inspection.checksum) or await _of_audio(inspection.checksum, deps)
    named = None
    if recorded is None and inspection.manifest is not None and inspection.manifest.origin is not None:
        named = await provenance.records.by_id(inspection.manifest.origin)
    return Finding(
        inspection.checksum,
        recorded is not None,
        inspection.manifest.verdict if inspection.manifest else None,
        inspection.watermark,
        recorded or named,
    )


async def _of_audio(checksum: str, deps: Dependencies) -> ProvenanceRecord | None:
    """Return the provenance of a stored audio without a manifest."""
    audio = await deps.audio.find_one({"checksum": checksum}) or await deps.audio.find_one({"earlier_checksums": checksum})
    if audio is None:
        return None
    work = {"audio_id": audio.id, "synthesis_id": audio.synthesis_id, "job_id": audio.job_id}
    record = ProvenanceRecord.of(audio.settings, cloned=audio.settings.cloned, user_id=audio.user_id, **work)
    return record.model_copy(update={"created_at": audio.created_at})
