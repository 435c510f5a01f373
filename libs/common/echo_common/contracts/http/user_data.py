"""Bodies and paths of the internal API by which auth reads everything that a service stores for a user."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from echo_common.contracts.http.base import remove_unprintable

USER_DATA_PATH: Final = "/internal/user-data"
USER_DATA_OBJECTS_PATH: Final = "/internal/user-data/objects"
USER_DATA_MIME: Final = "application/x-ndjson"


def _file_name(name: str) -> str:
    """Return the name itself. Raises `ValueError` unless it stays within the folder into which an archive is extracted."""
    parts = name.split("/")
    if any(part in {"", ".", ".."} for part in parts) or "\\" in name or remove_unprintable(name) != name:
        raise ValueError("must be a relative path without . and ..")
    return name


class ExportedDocument(BaseModel):
    """A document of a user; documents of one collection follow each other."""

    model_config = ConfigDict(frozen=True)

    collection: str = Field(pattern=r"^[a-z][a-z_]{0,39}$")
    fields: dict[str, Any]


class ExportedObject(BaseModel):
    """A stored object of a user. `id` leads to its bytes, `name` is its path in the archive, `checksum` its SHA-256 in hex."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(min_length=1, max_length=500)
    name: Annotated[str, Field(max_length=250), AfterValidator(_file_name)]
    size: int = Field(ge=0)
    checksum: str
    mime: str
    created_at: datetime


class ExportEnd(BaseModel):
    """The end of an export with its counts: without it, the export is incomplete."""

    model_config = ConfigDict(frozen=True)

    documents: int
    objects: int


class ExportLine(BaseModel):
    """A line of an export; one of the fields is set."""

    document: ExportedDocument | None = None
    object: ExportedObject | None = None
    end: ExportEnd | None = None
