"""Event handlers of API usage."""

from echo_common.contracts.events.gateway import RequestServed
from echo_feedback.handlers.handle import Handlers
from echo_feedback.usecases.usage import record_usage

HANDLERS: Handlers = {RequestServed: record_usage}
