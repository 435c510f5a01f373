"""The bus on RabbitMQ: quorum queues, publisher confirms, connections that come back by themselves."""

from echo_common.bus.rabbitmq.bus import RabbitBus

__all__ = ["RabbitBus"]
