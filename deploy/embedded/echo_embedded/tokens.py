"""Access tokens cached between commands, so that not every command logs in."""

import json
import os
import tempfile
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import platformdirs

_MARGIN_SECONDS = 30  # a token that expires during the command is not reused


class TokenFile:
    """An access token in a file that only its owner can read. Commands work without the file, for example on a full disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, url: str, email: str) -> "TokenFile":
        """Return the file of a user at a remote platform, in the cache folder of the account."""
        name = sha256(f"{url.rstrip('/')}\n{email}".encode()).hexdigest()[:32]
        return cls(platformdirs.user_cache_path("echo", appauthor=False) / "tokens" / f"{name}.json")

    def read(self) -> str | None:
        """Return the token, or None if there is none or it has expired."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            cached = json.loads(self._path.read_text())
            if cached["expires_at"] > time.time() + _MARGIN_SECONDS:
                return str(cached["access_token"])
        return None

    def write(self, token: str, expires_in_seconds: float) -> None:
        """Store a token, where the folder can be written."""
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_private(self._path, {"access_token": token, "expires_at": time.time() + expires_in_seconds})


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file that only its owner can read, in one step. Raises `OSError`."""
    handle, name = tempfile.mkstemp(dir=path.parent)  # created with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
