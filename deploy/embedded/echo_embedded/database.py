"""Database of `echoctl local`: a SecantusDB server (MongoDB's wire protocol, WiredTiger on disk) as a child process.

It is a development dependency and runs in a separate process because of its licence (GPL-2.0).
"""

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

import psutil

from echo_common.background_tasks import BackgroundTasks
from echo_common.store.mongo import open_store
from echo_common.store.port import StoreUnavailableError
from echo_embedded.data_folder import CannotStartError
from echo_embedded.database_process import FOLDER_IN_USE
from echo_embedded.ports import free_port

_PORT_ATTEMPTS = 3


class DatabaseStartError(CannotStartError):
    """A failed start of the database server; the message is one sentence for the operator."""


class FolderNotWritableError(DatabaseStartError):
    """A data folder that cannot be created or written."""


class FolderInUseError(DatabaseStartError):
    """A data folder that another instance uses."""


class EmbeddedDatabase:
    """A database server on `folder`, on the given or a free port of 127.0.0.1.

    Every acknowledged write is on disk. The server ends with this process, even after a crash. A signal to the terminal's
    process group does not reach it, so that services can still write while they stop.
    """

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self._folder = folder
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        self._watching = BackgroundTasks()
        self.died: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Future with the exit code of a server that ends without `stop`."""

    @property
    def pid(self) -> int:
        """Process id of the server. Raises `ProcessLookupError` if it does not run."""
        if self._process is None or self._process.returncode is not None:
            raise ProcessLookupError("the database server is not running")
        return self._process.pid

    @property
    def log(self) -> Path:
        """Path of the server's log."""
        return self._folder / "database.log"

    async def start(self, *, timeout: float = 30) -> str:
        """Start the server and return its URL once it responds.

        Raises `FolderNotWritableError`, `FolderInUseError`, and `DatabaseStartError` if the server ends or does not respond within
        `timeout` seconds.
        """
        await asyncio.to_thread(self._claim_folder)
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            port = self._port or free_port()
            self._process = process = await self._spawn(port)
            # No retries by the driver: a restarted server does not know whether it applied the first write.
            url = f"mongodb://127.0.0.1:{port}/?directConnection=true&retryWrites=false"
            if await _responds(process, port, url, timeout):
                self._watching.start(self._watch_exit(process))
                return url
            await self._end()
            if process.returncode == FOLDER_IN_USE:
                raise FolderInUseError(f"{self._folder} is in use by another instance.")
            if self._port or attempt == _PORT_ATTEMPTS or not self._port_was_taken():
                break
        raise DatabaseStartError(f"The database server does not start; its log is {self.log}.")

    async def ended(self) -> int:
        """Wait for the end of the server, by `stop` or otherwise, and return its exit code."""
        return 0 if self._process is None else await self._process.wait()

    async def stop(self) -> None:
        """Flush all writes and stop the server."""
        await self._watching.close()
        await self._end()

    def _claim_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self._folder):
                pass
        except OSError as error:
            raise FolderNotWritableError(f"{self._folder} cannot be written: {error.strerror}.") from error

    async def _spawn(self, port: int) -> asyncio.subprocess.Process:
        command = [sys.executable, "-m", "echo_embedded.database_process", str(self._folder), str(port)]
        with self.log.open("ab") as log:
            # The child ends when its standard input closes, which the kernel does when this process ends.
            return await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, env=_environment()
            )

    async def _watch_exit(self, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        if not self.died.done():
            self.died.set_result(code)

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    def _port_was_taken(self) -> bool:
        return b"Address already in use" in self.log.read_bytes()[-4096:]


async def _responds(process: asyncio.subprocess.Process, port: int, url: str, timeout: float) -> bool:
    store = await open_store(url, "admin")
    ended = asyncio.create_task(process.wait())
    try:
        async with asyncio.timeout(timeout):
            while not ended.done():
                # Another process may respond on this port.
                if not await asyncio.to_thread(_listens, process.pid, port):
                    await asyncio.sleep(0.02)
                    continue
                with suppress(StoreUnavailableError):
                    await store.ping()
                    return True
    except TimeoutError:
        return False
    finally:
        ended.cancel()
        await store.close()
    return False


def _listens(pid: int, port: int) -> bool:
    try:
        found = psutil.Process(pid).net_connections("tcp4")
    except psutil.Error:
        return False
    return any(connection.status == psutil.CONN_LISTEN and connection.laddr.port == port for connection in found)


def _environment() -> dict[str, str]:
    # These variables trade the server's durability for speed.
    return {name: value for name, value in os.environ.items() if not name.startswith("SECANTUS_")}
