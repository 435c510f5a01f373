"""List of erased users beside the archives: a restore of an earlier archive erases them again."""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from echo_common.store.connect import open_snapshot
from echo_embedded.backup.places import Places
from echo_embedded.data_folder import CannotStartError

FILE_NAME = "erasures.jsonl"
_PSEUDONYM = re.compile(r"[0-9a-f]{32}")
_LONGEST_LINE = 1000


async def update_erasures(places: Places, file: Path) -> Mapping[str, datetime]:
    """Add the platform's erasures to a file and return all; entries are never removed.

    The file exists afterwards, also without entries. Raises `CannotStartError` for a damaged file, `EchoError`, `OSError`.
    """
    known = _read_known(file)
    found = await _erasures_of(places)
    if known is None or found.keys() - known.keys():
        known = {**found, **(known or {})}
        _write(file, known)
    return known


def read_erasures(file: Path) -> dict[str, datetime]:
    """Return the time of each erasure by pseudonym. Raises `CannotStartError` for a damaged file, `OSError`."""
    erasures = {}
    with file.open() as lines:
        while line := lines.readline(_LONGEST_LINE):
            try:
                entry = json.loads(line)
                if not _PSEUDONYM.fullmatch(entry["pseudonym"]):
                    raise ValueError(entry["pseudonym"])
                erasures[entry["pseudonym"]] = datetime.fromisoformat(entry["requested_at"])
            except (ValueError, LookupError, TypeError):
                raise CannotStartError(
                    f"The list of erasures {file} is damaged at line {len(erasures) + 1}. Repair it, or name another with --erasures."
                ) from None
    return erasures


def read_erasures_beside(archive: Path) -> dict[str, datetime]:
    """Return the erasures in the list beside an archive. Raises `CannotStartError` if it is missing or damaged, `OSError`."""
    file = archive.with_name(FILE_NAME)
    if not file.exists():
        raise CannotStartError(
            f"There is no {FILE_NAME} beside the archive, so users who were erased after the backup would return. Copy it there, name "
            "it with --erasures, or use --without-erasures. Nothing was changed."
        )
    return read_erasures(file)


def _read_known(file: Path) -> dict[str, datetime] | None:
    return read_erasures(file) if file.exists() else None


async def _erasures_of(places: Places) -> dict[str, datetime]:
    database = places.database("auth")
    async with open_snapshot(places.database_url, [database]) as snapshot:
        if "erasures" not in await snapshot.collections(database):
            return {}
        return {
            document["pseudonym"]: document["created_at"]
            async for document in snapshot.documents(database, "erasures")
            if "pseudonym" in document
        }


def _write(file: Path, erasures: Mapping[str, datetime]) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent)  # created with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w") as written:
            for pseudonym, moment in sorted(erasures.items(), key=lambda item: item[1]):
                written.write(json.dumps({"pseudonym": pseudonym, "requested_at": moment.isoformat()}) + "\n")
            written.flush()
            os.fsync(written.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
