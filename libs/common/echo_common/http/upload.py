"""Reception of uploaded files on disk, never in memory; their size is limited as they arrive."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel
from pydantic import ValidationError as Invalid
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from echo_common.contracts.http.base import remove_unprintable
from echo_common.errors import FileTooLargeError, ValidationError
from echo_common.http.validation import details_of, invalid
from echo_common.scratch import Scratch

Fields = TypeVar("Fields", bound=BaseModel)

_BLOCK = 256 * 1024
_MOST_FIELDS = 20
_LONGEST_FIELD = 16 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A received file, and the text fields sent with it."""

    path: Path
    filename: str | None
    fields: Mapping[str, str]


@asynccontextmanager
async def received(request: Request, *, field: str, limit: int) -> AsyncIterator[Upload]:
    """Yield the file of a multipart body; remove it at the end. Raises `FileTooLargeError`, `ValidationError`."""
    try:
        form = await request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_LONGEST_FIELD)
    except HTTPException as error:
        raise ValidationError(f"The multipart body is not valid: {error.detail}") from None
    try:
        file = form.get(field)
        if not isinstance(file, UploadFile):
            message = f"Send a multipart body with the recording in the field {field!r}."
            raise ValidationError(message, details=[{"field": field, "message": message}])
        scratch: Scratch = request.app.state.scratch
        with scratch.folder("upload") as folder:
            path = folder / "upload"
            await _spool(file, path, limit)
            yield Upload(path, file.filename, {name: value for name, value in form.items() if isinstance(value, str)})
    finally:
        await form.close()


def fields_of(upload: Upload, model: type[Fields]) -> Fields:
    """Parse the text fields of an upload; empty ones count as absent, unknown ones are refused. Raises `ValidationError`."""
    known = model.model_fields
    try:
        return model.model_validate({name: value for name, value in upload.fields.items() if value or name not in known})
    except Invalid as error:
        raise invalid(details_of(error.errors())) from None


def name_of(upload: Upload) -> str | None:
    """Return the file's name without its folder and unprintable characters; None without a name."""
    return remove_unprintable(upload.filename or "").rsplit("/", 1)[-1].rsplit("\\", 1)[-1].strip()[:100] or None


async def _spool(file: UploadFile, path: Path, limit: int) -> None:
    size = 0
    with path.open("wb") as target:
        while block := await file.read(_BLOCK):
            size += len(block)
            if size > limit:
                raise FileTooLargeError(f"The file is larger than {limit} bytes.")
            await asyncio.to_thread(target.write, block)
