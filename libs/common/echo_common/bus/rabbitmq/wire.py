"""Conversion of messages to and from the driver's format."""

import hashlib

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from echo_common.bus.port import Message


def pack(message: Message) -> aio_pika.Message:
    """Return the driver's message: the body unchanged, the rest in properties and headers."""
    return aio_pika.Message(
        message.body,
        headers={**message.headers, "event-version": message.version, "attempt": message.attempt},
        message_id=message.id,
        type=message.topic,
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT if message.transient else aio_pika.DeliveryMode.PERSISTENT,
    )


def unpack(incoming: AbstractIncomingMessage) -> Message:
    """Return the message of a delivery. Accepts any content, so that malformed messages become dead letters."""
    headers = incoming.headers

    def number(name: str, default: int) -> int:
        value = headers.get(name)
        return value if isinstance(value, int) else default

    return Message(
        id=incoming.message_id or f"unknown_{hashlib.sha256(incoming.body).hexdigest()}",
        topic=incoming.type or incoming.routing_key or "unknown",
        version=number("event-version", 0),
        body=incoming.body,
        transient=incoming.delivery_mode != aio_pika.DeliveryMode.PERSISTENT,
        headers={name: value for name, value in headers.items() if isinstance(value, str) and not name.startswith("x-")},
        attempt=number("attempt", 1) + number("x-delivery-count", 0),
    )
