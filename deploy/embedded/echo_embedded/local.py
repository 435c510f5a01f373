"""Distributed deployment on one machine without Docker: a process per service, RabbitMQ, a database and an S3 server."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from echo_embedded.broker import local_node
from echo_embedded.broker_definitions import local_definitions
from echo_embedded.children import Child, Command
from echo_embedded.data_folder import CannotStartError, DataFolder, Running, Secrets
from echo_embedded.ports import free_port
from echo_embedded.preflight import require_free, require_models
from echo_embedded.programs import Broker, Database
from echo_embedded.public_url import public_url, served_certificate
from echo_embedded.ready import until_ready
from echo_synthesis.settings import SynthesisSettings

_ACCESS_KEY = "echo"
_SECRET_KEY = "echo-secret"  # noqa: S105 - of a server on this machine that requires none


@dataclass(frozen=True, slots=True)
class Deployment:
    """A ready deployment. `broken` completes with the reason if a process fails permanently."""

    url: str
    internal: str
    secrets: Secrets
    children: Sequence[Child]
    places: Mapping[str, str]
    broken: "asyncio.Future[str]"

    def announcement(self) -> Running:
        """Return the addresses and the current process ids."""
        pids = {child.name: child.pid for child in self.children if child.pid is not None}
        restarts = {child.name: child.restarts for child in self.children}
        places = {**self.places, "objects_access_key": _ACCESS_KEY, "objects_secret_key": _SECRET_KEY}
        return Running(self.url, os.getpid(), pids, self.internal, restarts, places, served_certificate())


@asynccontextmanager
async def deployed(folder: DataFolder, *, models: Path, host: str, port: int, workers: int = 2) -> AsyncIterator[Deployment]:
    """Start all processes on a data folder that the caller has locked; yield once all are ready.

    From then on, each process that ends is restarted. Users and jobs persist; audio does not, because the S3 server keeps it in
    memory. Raises `CannotStartError` and `AddressTakenError`.
    """
    require_models(SynthesisSettings(models=models))
    require_free(f"http://{host}:{port}")
    async with AsyncExitStack() as stack:
        secrets = folder.secrets()
        broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        infrastructure, places = _infrastructure(stack, folder)
        stack.push_async_callback(_stop_all, infrastructure)
        for child in infrastructure:
            _supervise(child, broken)
        synthesis = [f"synthesis-{number}" for number in range(1, workers + 1)]
        urls = {name: f"http://127.0.0.1:{free_port()}" for name in ("auth", "voice", "feedback", "listening", *synthesis)}
        urls["gateway"] = f"http://{host}:{port or free_port()}"
        internal = f"http://127.0.0.1:{free_port()}"
        encrypted = served_certificate() is not None
        special = {
            "auth": {
                "ECHO_AUTH_SECRET": secrets.auth_secret,
                "ECHO_AUTH_ADMIN_EMAIL": secrets.admin_email,
                "ECHO_AUTH_ADMIN_PASSWORD": secrets.admin_password,
                "ECHO_AUTH_USER_DATA_SERVICES": ",".join(
                    [
                        "gateway",
                        *(f"{name.split('-')[0]}={urls[name]}" for name in (*synthesis, "voice", "feedback", "listening")),
                    ]
                ),
            },
            "feedback": {
                "ECHO_FEEDBACK_SECRET": secrets.feedback_secret,
                "ECHO_FEEDBACK_SYNTHESIS_URL": ",".join(urls[name] for name in synthesis),
            },
            "gateway": {
                "ECHO_GATEWAY_SYNTHESIS_URL": ",".join(urls[name] for name in synthesis),
                "ECHO_GATEWAY_VOICE_URL": urls["voice"],
                "ECHO_GATEWAY_FEEDBACK_URL": urls["feedback"],
                "ECHO_GATEWAY_LISTENING_URL": urls["listening"],
                "ECHO_GATEWAY_INTERNAL_LISTEN": internal,
            },
            "listening": {
                "ECHO_LISTENING_SECRET": secrets.listening_secret,
                "ECHO_LISTENING_SYNTHESIS_URL": ",".join(urls[name] for name in synthesis),
            },
            "voice": {
                "ECHO_VOICE_MODELS": str(models),
                "ECHO_VOICE_VECTORS_URL": folder.vectors.as_uri(),
                "ECHO_VOICE_SYNTHESIS_URL": ",".join(urls[name] for name in synthesis),
            },
            **{name: {"ECHO_SYNTHESIS_MODELS": str(models)} for name in synthesis},
        }
        common = {
            "ECHO_DATABASE_URL": places["database"],
            "ECHO_BUS_URL": places["bus"],
            "ECHO_OBJECTS_URL": places["objects"],
            "ECHO_OBJECTS_ACCESS_KEY": _ACCESS_KEY,
            "ECHO_OBJECTS_SECRET_KEY": _SECRET_KEY,
            "ECHO_AUTH_URL": urls["auth"],
            "ECHO_SCRATCH": str(folder.scratch),
            "ECHO_PUBLIC_URL": public_url(f"http://{host}:{port}", encrypted=encrypted),
        }
        children: list[Child] = []
        stack.push_async_callback(_stop_in_order, children)
        for name, url in urls.items():
            environment = {**common, "ECHO_LISTEN": url, **special.get(name, {})}
            module = f"echo_{name.split('-')[0]}"
            child = Child(name, Command([sys.executable, "-m", module], environment, folder.logs / f"{name}.jsonl"))
            _supervise(child, broken)
            children.append(child)
        await until_ready(urls | {"gateway": internal}, broken)
        everything = [*children, *infrastructure]
        for child in everything:
            child.mark_started()
        url = urls["gateway"].replace("http:", "https:", 1) if encrypted else urls["gateway"]
        yield Deployment(url, internal, secrets, everything, places, broken)


def _infrastructure(stack: AsyncExitStack, folder: DataFolder) -> tuple[list[Child], dict[str, str]]:
    """Return the infrastructure processes and their URLs. Services wait for them, so the start order does not matter."""
    # The broker only wakes workers, so its data need not persist.
    scratch = Path(tempfile.mkdtemp(prefix="broker-", dir=folder.scratch))
    stack.callback(shutil.rmtree, scratch, ignore_errors=True)
    node = local_node(scratch, local_definitions())
    if node is None:
        raise CannotStartError("RabbitMQ is not installed here: apt-get install rabbitmq-server.")
    stack.callback(node.end)
    if find_spec("secantus") is None:
        raise CannotStartError("SecantusDB is not installed here: make install-dev.")
    database, s3_port = Database(folder.mongodb, free_port()), free_port()
    s3 = Command([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(s3_port)], {}, folder.logs / "s3.log")
    children = [Child("broker", Broker(node)), Child("database", database), Child("s3", s3)]
    places = {
        "database": database.url,
        "bus": node.url,
        "objects": f"s3://echo?endpoint=http://127.0.0.1:{s3_port}&region=us-east-1",
    }
    return children, places


def _supervise(child: Child, broken: "asyncio.Future[str]") -> None:
    child.start().add_done_callback(partial(_report_failure, broken))


async def _stop_all(children: Sequence[Child]) -> None:
    await asyncio.gather(*(child.stop() for child in children))


async def _stop_in_order(children: Sequence[Child]) -> None:
    """Stop the gateway first, then all services behind it concurrently."""
    for first in (True, False):
        await _stop_all([child for child in children if (child.name == "gateway") is first])


def _report_failure(broken: "asyncio.Future[str]", ended: "asyncio.Task[None]") -> None:
    error = None if ended.cancelled() else ended.exception()
    if error is not None and not broken.done():
        broken.set_result(str(error))
