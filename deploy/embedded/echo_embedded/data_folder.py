"""Data folder of a platform on one machine, with all its persistent state."""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from echo_common.encryption import derive_key
from echo_embedded.tokens import TokenFile, write_private

_SOCKET_PATH_LIMIT = 107  # bytes in sockaddr_un.sun_path on Linux, without the terminating zero
_LONGEST_SOCKET_NAME = len("/synthesis.sock")
NO_PLATFORM_REMEDY = "Start one with `echoctl serve`, or name a running one with --data (ECHO_DATA) or --server (ECHO_SERVER)."
"""Remedy of a command that needs a running platform and finds none."""

_EARLIER_FORMAT = ("database.toml", "database", "database.lock")
"""Files in `database/` of versions that stored their data in SecantusDB."""


class CannotStartError(Exception):
    """An environment that does not allow a start; the message is one sentence for the operator."""


class BrokenError(Exception):
    """An unexpected end of a part of the platform; the message names it."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secrets generated at the first start: the first administrator's credentials, and the secrets of auth and feedback.

    They encrypt what both store. An empty `feedback_secret` comes from a version without webhooks.
    """

    admin_email: str
    admin_password: str
    auth_secret: str
    feedback_secret: str = ""

    @property
    def listening_secret(self) -> str:
        """The secret of listening, derived from that of auth: it protects tokens that a new link replaces."""
        return derive_key(self.auth_secret, "listening").hex()


@dataclass(frozen=True, slots=True)
class Running:
    """The addresses and processes of a running platform.

    `processes` maps names to process ids, `internal` is the URL of the detailed health, `restarts` counts the restarts of each
    supervised process. `places` are the addresses and keys of database, bus and objects, where they run in processes of their own.
    `certificate` is the path of the certificate that the gateway serves.
    """

    url: str
    pid: int
    processes: dict[str, int]
    internal: str
    restarts: dict[str, int] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    certificate: str | None = None


class DataFolder:
    """A data folder: `database/`, `objects/`, `vectors/`, `logs/`, `scratch/`, `run/`, `secrets.json` and `token.json`.

    `mongodb/` belongs to the database server of `echoctl local`. Nothing is created or changed before `held`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.database = self.path / "database"
        self.mongodb = self.path / "mongodb"
        self.objects = self.path / "objects"
        self.vectors = self.path / "vectors"
        self.logs = self.path / "logs"
        self.scratch = self.path / "scratch"
        self._run = self.path / "run"
        self._running = self._run / "platform.json"
        self._secrets = self.path / "secrets.json"
        self.token = TokenFile(self.path / "token.json")
        """Access token of the administrator."""

    @property
    def database_url(self) -> str:
        """URL of the SQLite files."""
        return "sqlite" + self.database.as_uri().removeprefix("file")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder while the context is open; create it if missing. Raises `CannotStartError`."""
        try:
            for folder in (self.path, self.database, self.objects, self.vectors, self.logs, self._run):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotStartError(f"The data folder {self.path} cannot be written: {error.strerror}.") from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CannotStartError(f"Another platform is running on the data folder {self.path} already.") from None
            self._refuse_earlier_format()
            try:
                self._running.unlink(missing_ok=True)
                shutil.rmtree(self.scratch, ignore_errors=True)  # files left by a crash may contain speech
                self.scratch.mkdir(mode=0o700)
                yield
            finally:
                self._running.unlink(missing_ok=True)
        finally:
            os.close(lock)

    def _refuse_earlier_format(self) -> None:
        if any((self.database / name).exists() for name in _EARLIER_FORMAT):
            raise CannotStartError(
                f"The data folder {self.path} was written by an earlier version of Echo and cannot be read any more: "
                "choose another folder with --data, or move this one away."
            )

    def secrets(self) -> Secrets:
        """Return the secrets; generate those that are missing. Raises `CannotStartError`."""
        try:
            found = self.known_secrets()
            if found is None:
                found = Secrets("admin@echo.internal", secrets.token_urlsafe(12), secrets.token_urlsafe(48))
            if not found.feedback_secret:
                found = replace(found, feedback_secret=secrets.token_urlsafe(48))
                write_private(self._secrets, asdict(found))
        except OSError as error:
            raise CannotStartError(f"The file {self._secrets} cannot be used: {error.strerror}.") from error
        return found

    def known_secrets(self) -> Secrets | None:
        """Return the secrets, or None before the first start. Raises `OSError`, and `CannotStartError` if the file is damaged."""
        try:
            return Secrets(**json.loads(self._secrets.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise CannotStartError(
                f"The file {self._secrets} is damaged. Repair it, or remove it to create a new administrator."
            ) from None

    @contextmanager
    def sockets(self) -> Iterator[Path]:
        """Yield a folder for Unix sockets whose path is short enough for the operating system."""
        if len(os.fsencode(self._run)) + _LONGEST_SOCKET_NAME <= _SOCKET_PATH_LIMIT:
            yield self._run
            return
        link = self._run / "sockets"  # records the folder, so that the start after a crash removes it
        with suppress(OSError):
            shutil.rmtree(link.readlink(), ignore_errors=True)
            link.unlink()
        short = Path(tempfile.mkdtemp(prefix="echo-"))
        link.symlink_to(short)
        try:
            yield short
        finally:
            shutil.rmtree(short, ignore_errors=True)

    def announce(self, running: Running) -> None:
        """Write the platform's addresses and processes for `running`. Raises `OSError`, for example on a full disk."""
        write_private(self._running, asdict(running))

    def running(self) -> Running | None:
        """Return the announcement of a process that still runs, or None."""
        with suppress(OSError, ValueError, TypeError):
            found = Running(**json.loads(self._running.read_text()))
            os.kill(found.pid, 0)
            return found
        return None

    def require_running(self) -> Running:
        """Return the announcement of the running platform. Raises `CannotStartError` if none runs."""
        if (found := self.running()) is None:
            raise CannotStartError(f"No platform is running on the data folder {self.path}. {NO_PLATFORM_REMEDY}")
        return found
