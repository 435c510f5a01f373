"""Tests of the permissions of each service in the broker, as set in the containers."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import aio_pika
import pytest
from aio_pika.exceptions import AMQPError

from echo_common.bus import topology
from echo_common.bus.connect import declare_consumers, recorded_events
from echo_common.bus.port import Consumer, Done, Message, Outcome, Retry
from echo_common.bus.rabbitmq import RabbitBus
from echo_embedded.broker import RabbitNode
from echo_embedded.registry import START_ORDER
from tests.integration.bus.conftest import Listener, consumers_of, durable, fact
from tests.support.eventually import eventually

DEFINITIONS = Path(__file__).parents[3] / "deploy/docker/rabbitmq/definitions.json"
SERVICES = sorted(name for step in START_ORDER for name in step)
Passwords = dict[str, str]


@pytest.fixture
async def passwords(node: RabbitNode, tmp_path: Path) -> Passwords:
    """Create one user per service and one for the backup, as the container does."""
    found = {user: secrets.token_hex(16) for user in (*SERVICES, "backup")}
    text = DEFINITIONS.read_text()
    for service, password in found.items():
        text = text.replace(f"${{RABBITMQ_{service.upper()}_PASSWORD}}", password)
    assert "${" not in text
    (tmp_path / "definitions.json").write_text(text)
    await node.ctl("import_definitions", str(tmp_path / "definitions.json"))
    return found


def url_of(service: str, node: RabbitNode, passwords: Passwords) -> str:
    return f"amqp://{service}:{passwords[service]}@127.0.0.1:{node.port}/"


@pytest.fixture
async def connection(node: RabbitNode, passwords: Passwords) -> AsyncIterator[aio_pika.abc.AbstractConnection]:
    """A connection as the voice service."""
    async with await aio_pika.connect(url_of("voice", node, passwords)) as connection:
        yield connection


@pytest.mark.parametrize("service", SERVICES)
async def test_services_have_the_permissions_of_their_bus(service: str, node: RabbitNode, passwords: Passwords) -> None:
    topic = f"{service}.tested"
    other = await RabbitBus.open(node.url, service="operator")
    bus = await RabbitBus.open(url_of(service, node, passwords), service=service)

    async def retry_once(message: Message) -> Outcome:
        return Retry(0.1) if message.attempt == 1 else Done()

    async def dead_letter(message: Message, error: str) -> Outcome:
        return Done()

    kept, live = Listener(then=retry_once), Listener()
    try:
        await bus.consume(Consumer(service, [topic, "other.tested"], kept.deliver, dead_letter=dead_letter))
        await bus.consume(Consumer(service, [topic], live.deliver, transient=True))
        await bus.ping()
        await bus.publish([fact(topic, "evt_own")])
        await other.publish([fact("other.tested", "evt_other")])
        await eventually(lambda: sorted(kept.ids) == ["evt_other"] * 2 + ["evt_own"] * 2, within=30)
        await eventually(lambda: live.ids == ["evt_own"])
    finally:
        await bus.close()
        await other.close()


async def test_events_arrive_in_containers_that_start_after_their_publication(node: RabbitNode, passwords: Passwords) -> None:
    topic, event_id = "auth.user_deleted", f"evt_{secrets.token_hex(8)}"
    auth = await RabbitBus.open(url_of("auth", node, passwords), service="auth")
    try:
        await auth.publish([fact(topic, event_id)])
    finally:
        await auth.close()

    for service in consumers_of(topic):
        listener = Listener()
        bus = await RabbitBus.open(url_of(service, node, passwords), service=service)
        try:
            await bus.consume(durable(service, [topic], listener))
            await eventually(lambda listener=listener: event_id in listener.ids)  # type: ignore[misc]
        finally:
            await bus.close()


async def test_services_cannot_publish_topics_of_another_service(
    connection: aio_pika.abc.AbstractConnection, node: RabbitNode
) -> None:
    operator = await RabbitBus.open(node.url, service="operator")
    await operator.close()
    channel = await connection.channel()
    exchange = await channel.get_exchange(topology.EVENTS, ensure=False)
    with pytest.raises(AMQPError, match="ACCESS_REFUSED"):
        await exchange.publish(aio_pika.Message(b"{}"), "auth.session_revoked")


async def test_services_cannot_read_or_delete_queues_of_another_service(
    connection: aio_pika.abc.AbstractConnection, node: RabbitNode
) -> None:
    operator = await RabbitBus.open(node.url, service="auth")
    try:
        await operator.consume(Consumer("auth", ["voice.tested"], Listener().deliver))
    finally:
        await operator.close()
    name = topology.queue_name("auth", "voice.tested")
    with pytest.raises(AMQPError, match="ACCESS_REFUSED"):
        await (await (await connection.channel()).get_queue(name, ensure=False)).get(timeout=5)
    with pytest.raises(AMQPError, match="ACCESS_REFUSED"):
        await (await connection.channel()).queue_delete(name)


async def test_services_cannot_declare_queues_of_another_service(
    connection: aio_pika.abc.AbstractConnection,
) -> None:
    with pytest.raises(AMQPError, match="ACCESS_REFUSED"):
        await (await connection.channel()).declare_queue("synthesis.auth.session_revoked", durable=True)


async def test_the_backup_records_events_and_declares_queues_and_publishes_nothing(
    node: RabbitNode, passwords: Passwords
) -> None:
    url = url_of("backup", node, passwords)
    operator = await RabbitBus.open(node.url, service="operator")
    try:
        await declare_consumers(url, {"synthesis": ["voice.tested"]})
        async with recorded_events(url, {"synthesis": ["voice.tested"]}) as recorder:
            assert await recorder.settle(10)
            await operator.publish([fact("voice.tested", "evt_recorded")])

            async def recorded() -> bool:
                return "evt_recorded" in [message.id async for message in recorder.recorded()]

            await eventually(recorded)
    finally:
        await operator.close()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(topology.EVENTS, ensure=False)
        with pytest.raises(AMQPError):
            await exchange.publish(aio_pika.Message(b"{}"), "auth.user_deleted")
