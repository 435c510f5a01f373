"""Request and response bodies of exports."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from echo_common.contracts.http.base import RequestBody


class ExportView(BaseModel):
    """An export of the user's data."""

    export_id: str
    status: Literal["pending", "processing", "completed", "failed"]
    progress: int = Field(description="Progress in per cent; 100 only once completed.")
    size: int | None = Field(description="Size of the archive in bytes; null until completed.")
    checksum: str | None = Field(description="SHA-256 of the archive in hex, its ETag; null until completed.")
    files: int | None = Field(description="Number of files in the archive; null until completed.")
    missing: int | None = Field(description="Number of files that were deleted or replaced meanwhile; the manifest lists them.")
    services: list[str] | None = Field(description="Services whose data the archive includes; null until completed.")
    omitted_services: list[str] | None = Field(
        description="Services whose data the archive lacks because the installation names no address; null until completed."
    )
    created_at: datetime
    expires_at: datetime | None = Field(description="Time at which the archive is deleted; null until the export has ended.")
    error_code: str | None
    error: str | None = Field(description="Reason of a failed export.")


class ExportLinkRequest(RequestBody):
    """Options of a signed link to an archive."""

    expires_in: int = Field(300, ge=1, le=300, description="Lifetime of the link in seconds.", examples=[300])


class ExportLink(BaseModel):
    """A link to an archive that needs no access token. `url` is a path on the gateway."""

    url: str
    expires_at: datetime
