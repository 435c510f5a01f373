"""Response bodies of synthesis: provenance of audio."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class Mark(BaseModel):
    """Evidence of a file's origin, in or about the file."""

    kind: Literal["manifest", "checksum", "watermark"] = Field(
        description="A signed C2PA manifest in the file, a record of its bytes, or the watermark of cloned speech in its sound."
    )
    verdict: Literal["genuine", "changed", "foreign", "unreadable"] = Field(
        description="genuine: made here and unchanged, or for a watermark: made here; changed: made here, but the file was modified; "
        "foreign: made elsewhere."
    )
    message: str = Field(description="The verdict as a sentence.")


class OriginView(BaseModel):
    """A provenance record. A stream has neither audio nor job."""

    id: str = Field(description="Id in the manifest.")
    user_id: str
    voice_id: str
    engine: str
    cloned: bool
    audio_id: str | None = None
    synthesis_id: str | None = None
    job_id: str | None = None
    created_at: datetime


class Verification(BaseModel):
    """Result of a provenance check. Without any mark the origin is unknown.

    Re-encoding a file removes a manifest; a watermark remains.
    """

    generated_here: bool = Field(description="True if exactly these bytes, or cloned speech in them, were generated here.")
    cloned: bool | None = Field(None, description="True if a voice model was used; null when unknown.")
    created_at: datetime | None = Field(None, description="Time of synthesis; null when unknown.")
    checksum: str = Field(description="SHA-256 of the file, in hex.")
    marks: list[Mark]
    origin: OriginView | None = Field(
        None,
        description="Provenance record, for administrators and the user who requested the speech. For a changed file: the "
        "record of the original.",
    )
