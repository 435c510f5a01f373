"""Bodies synthesis serves: where audio comes from."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class Mark(BaseModel):
    """Something in or about a file that tells where it comes from."""

    kind: Literal["manifest", "checksum"] = Field(description="A signed C2PA manifest in the file, or a record of its bytes.")
    verdict: Literal["genuine", "changed", "foreign", "unreadable"] = Field(
        description="genuine: ours, and unchanged; changed: ours, but the file is not as it was; foreign: somebody else's."
    )
    message: str = Field(description="The same in a sentence.")


class OriginView(BaseModel):
    """Where speech comes from. A stream has neither audio nor job."""

    id: str = Field(description="What the manifest names.")
    user_id: str
    voice_id: str
    engine: str
    cloned: bool
    audio_id: str | None = None
    synthesis_id: str | None = None
    job_id: str | None = None
    created_at: datetime


class Verification(BaseModel):
    """Whether an audio came from here. Without any mark nothing is known: marks are lost when a file is encoded anew."""

    generated_here: bool = Field(description="Whether these very bytes came from here.")
    cloned: bool | None = Field(None, description="Whether a cloned voice speaks, where that is known.")
    created_at: datetime | None = Field(None, description="When it was spoken, where that is known.")
    checksum: str = Field(description="SHA-256 of the file, in hex.")
    marks: list[Mark]
    origin: OriginView | None = Field(
        None,
        description="For admins, and for whom it was spoken. Of a changed file: what it was made of.",
    )
