"""Event handlers of the statistics."""

from echo_feedback.domain.statistics import COUNTED
from echo_feedback.handlers.handle import Handlers
from echo_feedback.usecases.statistics import count_event

HANDLERS: Handlers = dict.fromkeys(COUNTED, count_event)
