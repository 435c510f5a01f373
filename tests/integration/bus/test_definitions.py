"""Queues exist before the first start of their consumers, because the broker loads them before it accepts connections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from echo_common.bus.rabbitmq import RabbitBus
from echo_embedded.broker import RabbitNode, local_node
from echo_embedded.broker_definitions import local_definitions
from tests.integration.bus.conftest import Listener, consumers_of, durable, fact
from tests.support.eventually import eventually
from tests.support.requirements import Missing, Require

pytestmark = pytest.mark.slow

TOPIC = "auth.user_deleted"


@pytest.fixture
async def fresh_node(tmp_path: Path, require: Require) -> AsyncIterator[RabbitNode]:
    """A node as `echoctl local` starts it for the first time."""
    (folder := tmp_path / "broker").mkdir()
    node = require("rabbitmq-node", local_node(folder, local_definitions()) or Missing("no rabbitmq-server installed"))
    await node.start()
    yield node
    node.end()


@asynccontextmanager
async def opened(node: RabbitNode, service: str) -> AsyncIterator[RabbitBus]:
    bus = await RabbitBus.open(node.url, service=service)
    try:
        yield bus
    finally:
        await bus.close()


async def test_events_published_before_the_first_start_of_their_consumers_arrive(fresh_node: RabbitNode) -> None:
    async with opened(fresh_node, "auth") as auth:
        await auth.publish([fact(TOPIC, "evt_first")])

    for service in consumers_of(TOPIC):
        listener = Listener()
        async with opened(fresh_node, service) as bus:
            await bus.consume(durable(service, [TOPIC], listener))
            await eventually(lambda listener=listener: listener.ids == ["evt_first"])  # type: ignore[misc]


async def test_a_wiped_broker_has_the_queues_of_consumers_that_are_not_running(fresh_node: RabbitNode) -> None:
    await fresh_node.kill()
    await fresh_node.wipe()
    await fresh_node.start()
    async with opened(fresh_node, "auth") as auth:
        await auth.publish([fact(TOPIC, "evt_after")])

    listener = Listener()
    async with opened(fresh_node, "voice") as voice:
        await voice.consume(durable("voice", [TOPIC], listener))
        await eventually(lambda: listener.ids == ["evt_after"])
