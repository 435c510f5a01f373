"""A RabbitMQ for tests: from the environment, in Docker, or a private node of the local installation."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from echo_embedded.broker import RabbitNode
from echo_embedded.broker import local_node as installed_node
from tests.support.requirements import Missing, Require


def local_node() -> RabbitNode | Missing:
    """Return a stopped node of the local installation."""
    folder = Path(tempfile.mkdtemp(prefix="echo-rabbitmq-"))
    if (node := installed_node(folder)) is not None:
        return node
    folder.rmdir()
    return Missing("no rabbitmq-server installed")


def _in_docker() -> Iterator[str]:
    """Return the URL of a broker in a container, if Docker is available."""
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
    # In a thread, because a loop may be running in this one; the node lives as long as its thread.
    with ThreadPoolExecutor(1) as thread:
        try:
            thread.submit(asyncio.run, node.start()).result()
            yield node.url
        finally:
            node.end()


@pytest.fixture
def rabbitmq(found_rabbitmq: str | Missing, require: Require) -> str:
    """The URL of a broker that tests share; use unique names."""
    return require("rabbitmq", found_rabbitmq)


@pytest.fixture(scope="session")
def found_node() -> Iterator[RabbitNode | Missing]:
    node = local_node()
    yield node
    if not isinstance(node, Missing):
        node.end()


@pytest.fixture
async def node(found_node: RabbitNode | Missing, require: Require) -> RabbitNode:
    """A private node, shared by the tests that kill, wipe or starve it; use unique names."""
    node = require("rabbitmq-node", found_node)
    if node.pid is None:
        await node.start()
    return node
