"""Private RabbitMQ node for the distributed deployment on one machine, without Docker or a system service."""

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
from echo_embedded.data_folder import CannotStartError
from echo_embedded.ports import free_port

_SERVER_FOLDERS = ("/usr/lib/rabbitmq/bin", "/usr/local/lib/rabbitmq/bin", "/opt/rabbitmq/sbin", "/usr/local/sbin")


class NodeError(CannotStartError):
    """A failed operation of the node; the message quotes its output."""


@dataclass
class RabbitNode:
    """A private node with its own folder, ports, name and epmd, so that parallel sessions do not collide.

    It loads `definitions`, if given, before it accepts connections. It ends with the thread that started it, even if that is killed.
    """

    binaries: Path
    folder: Path
    definitions: str | None = None
    port: int = field(default_factory=free_port)
    dist_port: int = field(default_factory=free_port)
    epmd_port: int = field(default_factory=free_port)
    name: str = field(default_factory=lambda: f"echo-{secrets.token_hex(4)}@localhost")
    _server: subprocess.Popen[bytes] | None = None
    _epmd: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """AMQP URL of the node."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def data(self) -> Path:
        """Folder of the queues."""
        return self.folder / "mnesia"

    @property
    def pid(self) -> int | None:
        """Process id of the server while it runs, else None."""
        return None if self._server is None or self._server.poll() is not None else self._server.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code of the server, or None while it runs."""
        return -signal.SIGKILL if self._server is None else self._server.poll()

    async def start(self) -> None:
        """Start the node and wait until it responds. Raises `NodeError`."""
        if self._epmd is None or self._epmd.poll() is not None:
            epmd = shutil.which("epmd")
            if epmd is None:
                raise NodeError("epmd is not installed")
            self._epmd = self._spawn([epmd, "-port", str(self.epmd_port), "-address", "127.0.0.1"], "epmd.log")
        for name in ("mnesia", "log"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "plugins").write_text("[].")
        if self.definitions is not None:
            (self.folder / "definitions.json").write_text(self.definitions)
            (self.folder / "rabbitmq.conf").write_text(f"load_definitions = {self.folder / 'definitions.json'}\n")
        self._server = self._spawn([str(self.binaries / "rabbitmq-server")], "server.log")
        await self._answering(60)

    async def kill(self) -> None:
        """Kill the server with SIGKILL, which simulates a crash of the machine."""
        if self._server is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            await asyncio.to_thread(self._server.wait)
            self._server = None

    async def wipe(self) -> None:
        """Delete the node's data; allowed only while the node is down."""
        await asyncio.to_thread(shutil.rmtree, self.data, ignore_errors=True)

    async def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` and return its output. Raises `NodeError` if it fails."""
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
        """Kill all processes of the node and delete its folder."""
        for process in (self._server, self._epmd):
            if process is not None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spawn(self, command: list[str], log: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - the command is fixed
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
        # A response to AMQP's protocol header proves that the listener and the node are up.
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
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +S 2:2",
        }


def local_node(folder: Path, definitions: str | None = None) -> RabbitNode | None:
    """Create a node of the local installation, which loads the definitions at each start; None if RabbitMQ is not installed."""
    for binaries in map(Path, _SERVER_FOLDERS):
        if (binaries / "rabbitmq-server").exists():
            return RabbitNode(binaries, folder, definitions)
    return None
