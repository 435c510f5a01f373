"""The distributed form on one machine without Docker: every service a process, RabbitMQ, a database and an S3 server."""

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
from echo_embedded.children import Child
from echo_embedded.database import EmbeddedDatabase
from echo_embedded.datafolder import CannotStartError, DataFolder, Running, Secrets
from echo_embedded.ports import free_port
from echo_embedded.ready import until_ready
from echo_embedded.surroundings import require_free, require_models
from echo_synthesis.settings import SynthesisSettings


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment that is ready. `broken` ends, with the reason, when a part of it cannot go on."""

    url: str
    internal: str
    secrets: Secrets
    children: Sequence[Child]
    places: Mapping[str, str]
    broken: "asyncio.Future[str]"

    def announcement(self) -> Running:
        """Where it is, with the process ids of this moment."""
        return Running(
            self.url, os.getpid(), {child.name: child.pid for child in self.children if child.pid is not None}, self.internal
        )


@asynccontextmanager
async def deployed(folder: DataFolder, *, models: Path, host: str, port: int, workers: int = 2) -> AsyncIterator[Deployment]:
    """Start everything on a data folder that the caller holds; yields when all is ready.

    Users and jobs are kept there; audio is not, for the S3 server keeps it in memory. Raises `CannotStartError`.
    """
    require_models(SynthesisSettings(models=models))
    require_free(f"http://{host}:{port}")
    async with AsyncExitStack() as stack:
        secrets = folder.secrets()
        broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        surroundings = await _surroundings(stack, folder, broken)
        synthesis = [f"synthesis-{number}" for number in range(1, workers + 1)]
        urls = {name: f"http://127.0.0.1:{free_port()}" for name in ("auth", "voice", "feedback", *synthesis)}
        urls["gateway"] = f"http://{host}:{port or free_port()}"
        internal = f"http://127.0.0.1:{free_port()}"
        special = {
            "auth": {
                "ECHO_AUTH_SECRET": secrets.auth_secret,
                "ECHO_AUTH_ADMIN_EMAIL": secrets.admin_email,
                "ECHO_AUTH_ADMIN_PASSWORD": secrets.admin_password,
            },
            "gateway": {
                "ECHO_GATEWAY_SYNTHESIS_URL": ",".join(urls[name] for name in synthesis),
                "ECHO_GATEWAY_VOICE_URL": urls["voice"],
                "ECHO_GATEWAY_FEEDBACK_URL": urls["feedback"],
                "ECHO_GATEWAY_INTERNAL_LISTEN": internal,
            },
            "voice": {"ECHO_VOICE_MODELS": str(models), "ECHO_VOICE_VECTORS_URL": folder.vectors.as_uri()},
            **{name: {"ECHO_SYNTHESIS_MODELS": str(models)} for name in synthesis},
        }
        common = {
            "ECHO_DATABASE_URL": surroundings["database"],
            "ECHO_BUS_URL": surroundings["bus"],
            "ECHO_OBJECTS_URL": surroundings["objects"],
            "ECHO_OBJECTS_ACCESS_KEY": "echo",
            "ECHO_OBJECTS_SECRET_KEY": "echo-secret",
            "ECHO_AUTH_URL": urls["auth"],
            "ECHO_SCRATCH": str(folder.scratch),
        }
        children: list[Child] = []
        stack.push_async_callback(_stop_in_order, children)
        for name, url in urls.items():
            environment = {**common, "ECHO_LISTEN": url, **special.get(name, {})}
            module = f"echo_{name.split('-')[0]}"
            child = Child(name, [sys.executable, "-m", module], environment, folder.logs / f"{name}.jsonl")
            _keep(child, broken)
            children.append(child)
        await until_ready(urls | {"gateway": internal}, broken)
        yield Deployment(urls["gateway"], internal, secrets, children, surroundings, broken)


async def _surroundings(stack: AsyncExitStack, folder: DataFolder, broken: "asyncio.Future[str]") -> dict[str, str]:
    """Start what the services need, and say where it listens."""
    # The broker is a doorbell: what it keeps may go with it.
    scratch = Path(tempfile.mkdtemp(prefix="echo-local-"))
    stack.callback(shutil.rmtree, scratch, ignore_errors=True)
    node = local_node(scratch)
    if node is None:
        raise CannotStartError("RabbitMQ is not installed here: apt-get install rabbitmq-server.")
    stack.callback(node.end)
    if find_spec("secantus") is None:
        raise CannotStartError("SecantusDB is not installed here: make install-dev.")
    database = EmbeddedDatabase(folder.mongodb)
    stack.push_async_callback(database.stop)
    database.died.add_done_callback(partial(_tell, broken, "The database server has died."))
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    s3 = Child("s3", command, {}, folder.logs / "s3.log")
    _keep(s3, broken)
    stack.push_async_callback(s3.stop)
    database_url, _ = await asyncio.gather(database.start(), node.start())
    return {
        "database": database_url,
        "bus": node.url,
        "objects": f"s3://echo?endpoint=http://127.0.0.1:{port}&region=us-east-1",
    }


def _keep(child: Child, broken: "asyncio.Future[str]") -> None:
    child.start().add_done_callback(partial(_tell_refusal, broken))


async def _stop_in_order(children: Sequence[Child]) -> None:
    """The door first, then everybody behind it at once."""
    for door in (True, False):
        await asyncio.gather(*(child.stop() for child in children if (child.name == "gateway") is door))


def _tell_refusal(broken: "asyncio.Future[str]", ended: "asyncio.Task[None]") -> None:
    if not ended.cancelled() and (error := ended.exception()):
        _tell(broken, str(error), ended)


def _tell(broken: "asyncio.Future[str]", sentence: str, _: object) -> None:
    if not broken.done():
        broken.set_result(sentence)
