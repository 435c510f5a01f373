"""A private RabbitMQ node: the distributed form on one machine, without Docker and without a system service."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from echo_embedded.children import end_with_parent
from echo_embedded.datafolder import CannotStartError
from echo_embedded.ports import free_port

_SERVER_FOLDERS = ("/usr/lib/rabbitmq/bin", "/usr/local/lib/rabbitmq/bin", "/opt/rabbitmq/sbin", "/usr/local/sbin")


class NodeError(CannotStartError):
    """The node does not do what it is told; the message quotes it."""


@dataclass
class RabbitNode:
    """A private node: a folder, ports, a name and an epmd of its own, so that sessions side by side do not collide.

    It ends with the thread that starts it, also when that is killed.
    """

    binaries: Path
    folder: Path
    port: int = field(default_factory=free_port)
    dist_port: int = field(default_factory=free_port)
    epmd_port: int = field(default_factory=free_port)
    name: str = field(default_factory=lambda: f"echo-{secrets.token_hex(4)}@localhost")
    _server: subprocess.Popen[bytes] | None = None
    _epmd: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def data(self) -> Path:
        """Where it keeps its queues."""
        return self.folder / "mnesia"

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return None if self._server is None or self._server.poll() is not None else self._server.pid

    @property
    def exit_code(self) -> int | None:
        """The server's exit code, or None while it runs."""
        return -signal.SIGKILL if self._server is None else self._server.poll()

    async def start(self) -> None:
        """Start the node and wait until it answers. Raises `NodeError`."""
        if self._epmd is None or self._epmd.poll() is not None:
            epmd = shutil.which("epmd")
            if epmd is None:
                raise NodeError("epmd is not installed")
            self._epmd = self._spawn([epmd, "-port", str(self.epmd_port), "-address", "127.0.0.1"], "epmd.log")
        for name in ("mnesia", "log"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "plugins").write_text("[].")
        self._server = self._spawn([str(self.binaries / "rabbitmq-server")], "server.log")
        await self._answering(60)

    async def kill(self) -> None:
        """SIGKILL, as a crash of the machine would."""
        if self._server is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            await asyncio.to_thread(self._server.wait)
            self._server = None

    async def wipe(self) -> None:
        """Forget everything; only while the node is down."""
        await asyncio.to_thread(shutil.rmtree, self.data, ignore_errors=True)

    async def ctl(self, *arguments: str) -> str:
        """What `rabbitmqctl` says. Raises `NodeError` when it refuses."""
        command = [str(self.binaries / "rabbitmqctl"), "--node", self.name, "--quiet", *arguments]
        process = await asyncio.create_subprocess_exec(
            *command, env=self._environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
        if process.returncode:
            raise NodeError(f"rabbitmqctl {' '.join(arguments)}: {output.decode()}")
        return output.decode()

    def end(self) -> None:
        """Nothing of this node is left running, nothing on disk."""
        for process in (self._server, self._epmd):
            if process is not None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spawn(self, command: list[str], log: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - a command of our own
                command,
                env=self._environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    async def _answering(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self._server is None or self._server.poll() is not None:
                break
            if await asyncio.to_thread(self._greets):
                return
            await asyncio.sleep(0.1)
        raise NodeError(f"the node did not come up: {(self.folder / 'server.log').read_text()[-2000:]}")

    def _greets(self) -> bool:
        # An answer to AMQP's protocol header: the listener is there and the node behind it is up.
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"
        return False

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.data),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +S 2:2",
        }


def local_node(folder: Path) -> RabbitNode | None:
    """A node of the local installation, not started yet, or None where RabbitMQ is not installed."""
    for binaries in map(Path, _SERVER_FOLDERS):
        if (binaries / "rabbitmq-server").exists():
            return RabbitNode(binaries, folder)
    return None
