"""Reception of uploaded files on disk, never in memory; their size is limited as they arrive."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from echo_common.errors import FileTooLargeError, ValidationError
from echo_common.scratch import Scratch

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


async def _spool(file: UploadFile, path: Path, limit: int) -> None:
    size = 0
    with path.open("wb") as target:
        while block := await file.read(_BLOCK):
            size += len(block)
            if size > limit:
                raise FileTooLargeError(f"The file is larger than {limit} bytes.")
            await asyncio.to_thread(target.write, block)
