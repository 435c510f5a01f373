"""A RabbitMQ to test against: one named by the environment, one in Docker, or a private node of the local installation."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aio_pika
import pytest

from tests.support.requirements import Missing, Require

SERVER_FOLDERS = ("/usr/lib/rabbitmq/bin", "/usr/local/lib/rabbitmq/bin", "/opt/rabbitmq/sbin", "/usr/local/sbin")


class NodeError(RuntimeError):
    """The node does not do what it is told; the message quotes it."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class RabbitNode:
    """A private node: a folder, ports, a name and an epmd of its own, so that sessions side by side do not collide."""

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
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def data(self) -> Path:
        return self.folder / "mnesia"

    async def start(self) -> None:
        if self._epmd is None:
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
        command = [str(self.binaries / "rabbitmqctl"), "--node", self.name, "--quiet", *arguments]
        process = await asyncio.create_subprocess_exec(
            *command, env=self._environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
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
            return subprocess.Popen(
                command,
                env=self._environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def _answering(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self._server is None or self._server.poll() is not None:
                break
            with suppress(Exception):
                await (await aio_pika.connect(self.url, timeout=2)).close()
                return
            await asyncio.sleep(0.1)
        raise NodeError(f"the node did not come up: {(self.folder / 'server.log').read_text()[-2000:]}")

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


def local_node() -> RabbitNode | Missing:
    """A node of the local installation, not started yet."""
    for folder in SERVER_FOLDERS:
        if (Path(folder) / "rabbitmq-server").exists():
            return RabbitNode(Path(folder), Path(tempfile.mkdtemp(prefix="echo-rabbitmq-")))
    return Missing("no rabbitmq-server installed")


def _in_docker() -> Iterator[str]:
    """The URL of a broker in a container, if Docker is there."""
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return
    from testcontainers.rabbitmq import RabbitMqContainer

    with RabbitMqContainer("rabbitmq:4-alpine") as container:
        parameters = container.get_connection_params()
        yield f"amqp://guest:guest@{parameters.host}:{parameters.port}/"


@pytest.fixture(scope="session")
def found_rabbitmq() -> Iterator[str | Missing]:
    if url := os.environ.get("ECHO_TEST_AMQP_URL"):
        yield url
        return
    for url in _in_docker():
        yield url
        return
    node = local_node()
    if isinstance(node, Missing):
        yield Missing("no ECHO_TEST_AMQP_URL, no Docker, no rabbitmq-server installed")
        return
    try:
        asyncio.run(node.start())
        yield node.url
    finally:
        node.end()


@pytest.fixture
def rabbitmq(found_rabbitmq: str | Missing, require: Require) -> str:
    """The URL of a broker that tests share: use names of your own in it."""
    return require("rabbitmq", found_rabbitmq)


@pytest.fixture
def stopped_node(require: Require) -> Iterator[RabbitNode]:
    """A private node, not started, for tests that kill, wipe or starve it."""
    node = require("rabbitmq-node", local_node())
    try:
        yield node
    finally:
        node.end()
