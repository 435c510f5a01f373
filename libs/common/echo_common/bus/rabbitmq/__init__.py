"""The bus on RabbitMQ: quorum queues, publisher confirms, automatic reconnection."""

from echo_common.bus.rabbitmq.bus import RabbitBus

__all__ = ["RabbitBus"]
