"""The folder that one machine's platform lives in: everything that a second start finds again."""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_SOCKET_PATH_LIMIT = 107  # bytes in sockaddr_un.sun_path on Linux, less the closing zero
_LONGEST_SOCKET_NAME = len("/synthesis.sock")
_EARLIER_FORMAT = ("database.toml", "database", "database.lock")
"""Left in `database/` by versions that kept their data in SecantusDB."""


class CannotStartError(Exception):
    """The surroundings do not allow a start; the message is one sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Generated at the first start and kept: the first admin's credentials, and the key that protects auth's keys."""

    admin_email: str
    admin_password: str
    auth_secret: str


@dataclass(frozen=True, slots=True)
class Running:
    """Where a running platform is found.

    `processes` are the operating system's ids by name, `internal` is where its health is, `restarts` how often each process of a
    supervisor was started again.
    """

    url: str
    pid: int
    processes: dict[str, int]
    internal: str
    restarts: dict[str, int] = field(default_factory=dict)


class DataFolder:
    """`database/`, `objects/`, `vectors/`, `logs/`, `scratch/`, `run/` and `secrets.json` below one path.

    `mongodb/` belongs to the database server of `echoctl local`. Nothing is touched before `held`.
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

    @property
    def database_url(self) -> str:
        """The URL of the SQLite files."""
        return "sqlite" + self.database.as_uri().removeprefix("file")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Own the folder: created when missing, and nobody else's until left. Raises `CannotStartError`."""
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
                shutil.rmtree(self.scratch, ignore_errors=True)  # what a crash has left may hold speech
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
        """What was generated at the first start; generates it when this is the first. Raises `CannotStartError`."""
        try:
            found = self.known_secrets()
            if found is None:
                found = Secrets("admin@echo.internal", secrets.token_urlsafe(12), secrets.token_urlsafe(48))
                self._write_private(self._secrets, asdict(found))
        except OSError as error:
            raise CannotStartError(f"The file {self._secrets} cannot be used: {error.strerror}.") from error
        return found

    def known_secrets(self) -> Secrets | None:
        """The generated secrets, or None before the first start. Raises `OSError`, `CannotStartError` when damaged."""
        try:
            return Secrets(**json.loads(self._secrets.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise CannotStartError(f"The file {self._secrets} is damaged; mend it, or remove it to get a new admin.") from None

    @contextmanager
    def sockets(self) -> Iterator[Path]:
        """A folder for Unix sockets whose path is short enough for the operating system."""
        if len(os.fsencode(self._run)) + _LONGEST_SOCKET_NAME <= _SOCKET_PATH_LIMIT:
            yield self._run
            return
        link = self._run / "sockets"  # remembers the folder, so that the start after a crash removes it
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
        """Write where the platform is, for `running` to find. Raises `OSError`, for example on a full disk."""
        self._write_private(self._running, asdict(running))

    def running(self) -> Running | None:
        """What was announced by a process that still lives, or None."""
        with suppress(OSError, ValueError, TypeError):
            found = Running(**json.loads(self._running.read_text()))
            os.kill(found.pid, 0)
            return found
        return None

    def running_url(self) -> str:
        """Where the running platform listens. Raises `CannotStartError` when there is none."""
        if (found := self.running()) is None:
            raise CannotStartError(f"No platform is running on the data folder {self.path}.")
        return found.url

    @staticmethod
    def _write_private(path: Path, content: dict[str, Any]) -> None:
        handle, name = tempfile.mkstemp(dir=path.parent)  # made with mode 0600
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(content, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
