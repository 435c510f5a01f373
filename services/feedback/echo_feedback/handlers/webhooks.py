"""Event handlers of webhooks."""

from echo_feedback.domain.webhook_events import PUBLIC_EVENTS
from echo_feedback.handlers.handle import Handlers
from echo_feedback.usecases.webhook_delivery import queue_deliveries

HANDLERS: Handlers = dict.fromkeys(PUBLIC_EVENTS, queue_deliveries)
